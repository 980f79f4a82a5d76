"""The regions of several networks as CSV."""

import csv
import io

from metaseg.findings.matching import Regions


def region_table(regions: Regions) -> str:
    """One row a region, with what each network says of it; empty cells for what is unknown.

    Slices are counted from 0, as in the table of lesions.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    models = [opinion.model for opinion in regions.rows[0].opinions] if regions.rows else []
    columns = ["number", "diameter_mm", "diameter_px", "volume_mm3", "volume_voxels"]
    columns += ["diameter_slice", "first_slice", "last_slice"]
    writer.writerow(
        [
            *columns,
            "agreement",
            "truth",
            *(f"{what}_{model}" for model in models for what in ("outlined", "probability")),
        ]
    )
    for row in regions.rows:
        measures = [getattr(row.lesion, name) for name in columns]
        opinions = [value for o in row.opinions for value in (int(o.outlines), o.probability)]
        writer.writerow([_cell(v) for v in (*measures, row.agreement, row.truth, *opinions)])
    return file.getvalue()


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
