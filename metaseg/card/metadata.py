"""The card's metadata, which the Hub reads."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from metaseg.card.facts import SCORES, data_title, is_measured
from metaseg.checkpoint import Config
from metaseg.data.known import trained_on


def build_metadata(config: Config, metrics: dict[str, dict]) -> ModelCardData:
    """Library, task, licence, data sets and measured figures of a checkpoint."""
    names = trained_on(config.training)
    results = [
        EvalResult(
            task_type="image-segmentation",
            dataset_type=name,
            dataset_name=data_title(name),
            dataset_split=measured.get("split", "test"),
            metric_type=key,
            metric_name=title,
            **_value(measured[key]),
        )
        for name, measured in metrics.items()
        for key, title in SCORES.items()
        if is_measured(measured.get(key))
    ]
    return ModelCardData(
        library_name="metaseg",
        pipeline_tag="image-segmentation",
        license=config.license,
        license_name="as-the-training-data" if config.license == "other" else None,
        license_link="README.md" if config.license == "other" else None,
        datasets=names or None,
        metrics=[key for key in SCORES if any(r.metric_type == key for r in results)] or None,
        tags=["brain", "brain-tumor", "brain-metastases", "mri", "medical", config.architecture],
        model_name=f"MetaSeg {config.title}" if results else None,
        eval_results=results or None,
    )


def _value(measured: float | dict[str, float]) -> dict[str, Any]:
    """A measured score as what EvalResult takes; the interval stands beside the value."""
    if not isinstance(measured, dict):
        return {"metric_value": round(measured, 4)}
    interval = {f"interval_95_{end}": measured.get(end) for end in ("low", "high")}
    interval = {end: round(value, 4) for end, value in interval.items() if value is not None}
    return {"metric_value": round(measured["mean"], 4), "metric_args": interval or None}
