"""What tests compare of a PyTorch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundlekit.testing.comparison import Observation

if TYPE_CHECKING:
    from collections.abc import Sequence


class TorchObserver:
    """Sees structure, tensors and modes, and what the module answers."""

    def state(self, obj: Any) -> Sequence[Observation]:
        """See what the module is made of."""
        tensors = {
            **dict(obj.named_parameters(remove_duplicate=False)),
            **dict(obj.named_buffers()),
        }
        first: dict[int, str] = {}
        return [
            Observation("structure", repr(obj)),
            Observation("modes", str({n: m.training for n, m in obj.named_modules()})),
            *(Observation(f"tensor/{n}", t.detach().cpu().numpy()) for n, t in tensors.items()),
            *(
                Observation(f"is/{n}", f"{first.setdefault(id(t), n)} {t.requires_grad}")
                for n, t in tensors.items()
            ),
        ]

    def behaviour(self, obj: Any, inputs: Any, targets: Any) -> Sequence[Observation]:
        """See the answer in evaluation mode."""
        import torch

        modes = {module: module.training for module in obj.modules()}
        try:
            with torch.no_grad():
                answer = obj.eval()(torch.as_tensor(inputs))
        finally:
            for module, training in modes.items():
                module.training = training
        answers = answer if isinstance(answer, tuple) else (answer,)
        return [
            Observation(f"answer/{index}", one.numpy())
            for index, one in enumerate(answers)
            if isinstance(one, torch.Tensor)
        ]

    def surroundings(self) -> Sequence[Observation]:
        """See the random state of PyTorch."""
        import torch

        return [Observation("torch random", torch.random.get_rng_state().numpy())]
