"""`bundlekit convert IN -o OUT`: a file of others as a bundle, or a bundle in another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bundlekit.bundle_type import Bundle
    from bundlekit.manifest import Loss, Manifest


@click.command("convert")
@click.argument("source", metavar="IN", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="The bundle to write.")
@click.option("--to", "adapter", help="Restore it, and bundle it again with this adapter.")
@click.option("--trust", multiple=True, metavar="NAME", help="May be imported to restore it.")
@click.option("--trust-code", is_flag=True, help="Run code that it carries to restore it.")
@click.option("--trust-op", multiple=True, metavar="OP", help="An op that its graphs may run.")
@click.option("--overwrite", is_flag=True, help="Replace what is at OUT.")
def command(
    source: str,
    *,
    output: str,
    adapter: str | None,
    trust: tuple[str, ...],
    trust_code: bool,
    trust_op: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write IN, a bundle or a file or folder of Keras or TensorFlow, as the bundle OUT.

    Without --to the original bytes are kept and nothing is built. With --to the object is restored
    and bundled again, which takes its framework, and trust in what it needs.
    """
    import bundlekit
    from bundlekit.cli.bar import bar

    bundle = bundlekit.adopt(source)
    lost: tuple[Loss, ...] = ()
    if adapter is not None and adapter != bundle.manifest.adapter:
        manifest = bundle.manifest
        _require_sense(manifest, adapter)
        lost = manifest.losses
        allowed = bundlekit.Trust(imports=trust, code=trust_code, ops=trust_op)
        metadata = {**manifest.metadata, **_origin(bundle)}
        with bar("restoring") as progress:
            obj = bundlekit.unbundle(bundle, trust=allowed, progress=progress)
        with bar("bundling") as progress:
            bundle = bundlekit.bundle(
                obj, adapter, name=manifest.name, metadata=metadata, progress=progress
            )
    bundle.save(output, overwrite=overwrite)
    click.echo(f"{output}: {bundle!r}")
    for loss in (*lost, *bundle.manifest.losses):
        click.echo(f"not kept: {loss.what}: {loss.why}")


def _require_sense(manifest: Manifest, adapter: str) -> None:
    """Refuse to make of weights, or of an architecture, what takes the other as well.

    Raises:
        Unwritable: naming what is missing.
    """
    from bundlekit.errors import Unwritable

    if manifest.adapter == "keras-config":
        missing = "no weights: fresh ones would be stored as if they had been learned"
    elif manifest.adapter == "keras-weights":
        missing = "no architecture; load it into a model, unbundle(…, into=model), and bundle that"
    else:
        return
    raise Unwritable(
        f"a bundle of {manifest.adapter} cannot become one of {adapter}: it holds {missing}",
        adapter=manifest.adapter,
    )


def _origin(bundle: Bundle) -> dict[str, Any]:
    """Say in the metadata what it was converted from, and what that did not hold."""
    manifest = bundle.manifest
    return {
        "converted_from": {
            "adapter": manifest.adapter,
            "digest": bundle.digest,
            "written_by": manifest.environment.get("written_by"),
            "losses": [{"what": loss.what, "why": loss.why} for loss in manifest.losses],
        }
    }
