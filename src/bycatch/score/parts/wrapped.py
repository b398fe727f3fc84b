"""Scores around a classifier or a density of `bycatch.learn`, which keeps its own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from bycatch.learn.checkpoint import damaged_metadata, read_kind
from bycatch.registry import Registry
from bycatch.score.base import Score


class WrappedScore(Score):
    """A score that trains one ensemble of a registry, and stores it in a folder of its own."""

    part: ClassVar[str]
    """Option that names the ensemble, and folder that holds it; `part` with a "_" is itself."""
    registry: ClassVar[Registry[type[Any]]]

    def fits_options(self, ensemble: Any) -> bool:
        """Return whether an ensemble that was read has the sizes of the options."""
        return bool(ensemble.members == self.members)

    def save(self, folder: Path) -> None:
        """Write what was learned to `folder`, the ensemble to a folder in it.

        Raises
        ------
        DataError
            Where nothing was learned yet.
        StorageError
            Where the folder cannot be written.
        """
        self._fitted_shape()
        getattr(self, f"{self.part}_").save(Path(folder) / self.part)
        super().save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            Where the folder is missing, damaged, or holds something else.
        """
        found, inner = super().load(folder), Path(folder) / cls.part
        ensemble = cls.registry.load(inner, read_kind(inner))
        with damaged_metadata(folder):
            expected = cls.registry.make(getattr(found, cls.part), members=found.members)
            if type(ensemble) is not type(expected) or not found.fits_options(ensemble):
                raise ValueError(f"the {cls.part} is not that of its options")
        setattr(found, f"{cls.part}_", ensemble)
        return found
