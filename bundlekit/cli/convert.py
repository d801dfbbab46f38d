"""`bundlekit convert IN -o OUT`: a file of others as a bundle, or a bundle in another form."""

from __future__ import annotations

import click


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

    bundle = bundlekit.adopt(source)
    if adapter is not None and adapter != bundle.manifest.adapter:
        manifest = bundle.manifest
        obj = bundlekit.unbundle(
            bundle, trust=bundlekit.Trust(imports=trust, code=trust_code, ops=trust_op)
        )
        bundle = bundlekit.bundle(
            obj, adapter, name=manifest.name, metadata=dict(manifest.metadata)
        )
    bundle.save(output, overwrite=overwrite)
    click.echo(f"{output}: {bundle!r}")
    for loss in bundle.manifest.losses:
        click.echo(f"not kept: {loss.what}: {loss.why}")
