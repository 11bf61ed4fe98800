"""`hef evaluate emotion`: the strategies side by side, the fit of a pair, and what each part is worth."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import options
from ..error_messages import Misuse
from ..report_output import DataOption, JsonOption, LimitOption, SeedOption, emit_report, report_skipped_rows
from .emotion_options import (
    AblateOption,
    CrossOption,
    FitOption,
    FittedOption,
    ModelOption,
    PlotsOption,
    RecordOption,
    RunOption,
    SecondLookOption,
    ShareOption,
    StrategyOption,
)

if TYPE_CHECKING:
    from ...contract import HefContext
    from ...data.conversations import Sample
    from ...evaluation import EmotionReport
    from ...evaluation.emotion.emotion_run import EmotionRun
    from ...evaluation.emotion.requery_gain import RequeryGain
    from ...evaluation.emotion.sem_llm_pair import Pair
    from ...sem import Sem
    from ...sem.ray.cluster import Cluster
    from ..settings import Settings

STRATEGIES: tuple[options.StrategyName, ...] = ("sem_only", "llm_only", "one_prompt", "two_stage")


def emotion(
    data: DataOption,
    sem: options.SemOption = None,
    model: ModelOption = None,
    threads: options.ThreadsOption = None,
    strategy: StrategyOption = "sem_only",
    primary: options.PrimaryOption = 5,
    max_requeries: options.RequeriesOption = 1,
    fit: FitOption = None,
    fit_share: ShareOption = 0.5,
    cross_fit: CrossOption = False,
    fitted: FittedOption = None,
    ablate: AblateOption = False,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    second_look: SecondLookOption = False,
    record: RecordOption = False,
    run: RunOption = None,
    plots: PlotsOption = None,
    out: JsonOption = None,
    ray: options.RayOption = None,
    ray_actors: options.ActorsOption = None,
    ray_cpus: options.CpusOption = 1.0,
) -> None:
    """Measure emotion accuracy: every listener turn is one sample, its input all turns before it.

    Prints accuracy, calibration error and likelihood with 95% intervals over conversations, how the LLM's escapes and
    the re-queries went, and what it all cost. With --fit, one part of the conversations is fitted on and the other one
    measured on. Figures of each emotion and all confusions stand in the JSON. With --ray many SEMs read at once, and as
    many LLMs are asked; every figure is the same but the time.
    """
    from ..build_graph import parse_primary
    from ..settings import settings

    shown = parse_primary(primary)
    chosen = settings(sem=sem, model=model, threads=threads)
    names = STRATEGIES if strategy == "all" else (strategy,)
    _check(names, fit, fitted, cross_fit, ablate, second_look, record)
    from ...contract import HefContext, PoolingWeights
    from ...evaluation import read_samples, subsample
    from ...evaluation.emotion.emotion_run import run_emotion
    from ...sem import resolve_sem
    from ...sem.ray.cluster import Cluster
    from ..progress_bars import advancing

    reader = resolve_sem(chosen.sem)
    if record:
        _check_folder(reader)
    samples, broken = read_samples(data, reader.description.taxonomy.labels)
    report_skipped_rows(broken)
    kept = fitted or (chosen.fit if not fit else None)
    own = PoolingWeights.from_file(kept) if kept else None
    drawn, base = subsample(samples, limit, seed), HefContext(primary=shown, max_requeries=max_requeries)
    with advancing() as advance:
        pair = _pair(reader, chosen, names, seed, run, advance)
        if ray:
            pair = _on_ray(pair, chosen, names, drawn, base, Cluster(ray, ray_actors, ray_cpus))
        found = run_emotion(
            pair,
            names,
            drawn,
            base,
            data=data.name,
            seed=seed,
            fit=own,
            fit_share=fit_share if fit else None,
            cross_fit=cross_fit,
            ablate=ablate,
        )
    if fit and found.fit:
        found.fit.write(fit)
    looks = _look_again(reader, found) if second_look else []
    if record:
        _record(reader, found.reports[0])
    if plots:
        from ...evaluation.emotion.plots import draw_plots

        draw_plots(found.reports[0], plots)
    held = {"limit": limit, "seed": seed, "broken": len(broken), "primary": shown, "max_requeries": max_requeries}
    _give(data, found, looks, held, run, out)


def _check(
    names: tuple[options.StrategyName, ...],
    fit: Path | None,
    fitted: Path | None,
    cross_fit: bool,
    ablate: bool,
    second_look: bool,
    record: bool,
) -> None:
    for wanted, flag in ((second_look, "--second-look"), (record, "--record")):
        if wanted and "sem_only" not in names:
            raise Misuse(f"{flag} is about the SEM alone; add --strategy sem_only (or all)")
    for given, flag in ((fit, "--fit"), (fitted, "--fitted"), (ablate, "--ablate")):
        if given and "two_stage" not in names:
            raise Misuse(f"{flag} is about SEM and LLM together; add --strategy two_stage (or all)")
    if cross_fit and not fit:
        raise Misuse("--cross-fit is about how the join is fitted; add --fit FILE")
    if fit and fitted:
        raise Misuse("--fit makes a fit and --fitted takes one; give one of them")


def _pair(
    sem: Sem, chosen: Settings, names: tuple[options.StrategyName, ...], seed: int, run: Path | None, tell: Any
) -> Pair:
    from ...evaluation.emotion.scripted_judges import scripted_judge
    from ...evaluation.emotion.sem_llm_pair import Pair
    from ...evaluation.llm_cache import with_cache
    from ...llm import resolve_model

    if names == ("sem_only",):
        return Pair(sem, None, None, tell)
    judge = scripted_judge(chosen.model, sem.description.taxonomy.labels, seed)
    kept, answers = with_cache(judge or resolve_model(chosen.model), run / "answers.jsonl" if run else None)
    return Pair(sem, kept, answers, tell, chosen.prompts)


def _on_ray(
    pair: Pair,
    chosen: Settings,
    names: Sequence[options.StrategyName],
    samples: Sequence[Sample],
    base: HefContext,
    cluster: Cluster,
) -> Pair:
    """Let a cluster read with the SEM, and ask the LLM what the run is going to ask it."""
    from ...evaluation.cache_prefetch import ask_ahead
    from ...evaluation.emotion.scripted_judges import ScriptedJudge
    from ...sem.ray.corpus import SemReader, map_corpus

    if pair.answers is not None and not isinstance(pair.model, ScriptedJudge):
        ask_ahead(
            pair.answers,
            samples,
            [base.model_copy(update={"strategy": name}) for name in names if name != "sem_only"],
            cluster,
            sem=chosen.sem,
            model=chosen.model,
            prompts=chosen.prompts,
            report=lambda done, total: pair.tell("asking the LLM", done, total),
        )
    return replace(pair, read_parts=lambda parts: map_corpus(SemReader, [chosen.sem], parts, cluster))


def _give(
    data: Path, found: EmotionRun, looks: list[RequeryGain], held: dict[str, Any], run: Path | None, out: str | None
) -> None:
    """Print the figures, and write them where they are wanted."""
    from ..tables import ablation_table, emotion_table, second_look_table, sets_table

    if looks:
        held["second_look"] = [look.model_dump(mode="json") for look in looks]
    if found.gain:
        held["gain"] = found.gain.model_dump(mode="json")
    if found.fit:
        held["fit"] = found.fit.model_dump(mode="json")
    if found.ablations:
        held["ablations"] = [one.model_dump(mode="json") for one in found.ablations]
    tables = [emotion_table(data.name, found)]
    tables += [ablation_table(found.ablations)] if found.ablations else []
    tables += [sets_table(report.sets) for report in found.reports if report.sets]
    tables += [second_look_table(looks)] if looks else []
    if run:
        _report(data, found, held, run)
    emit_report("emotion", data, found.reports, held, out, tables)


def _report(data: Path, found: EmotionRun, held: dict[str, Any], run: Path) -> None:
    from ...evaluation.emotion.emotion_report import write_report
    from ...evaluation.report import to_document, write

    write(run / "figures.json", to_document("emotion", data, found.reports, held))
    command = shlex.join(["hef", *(word.replace(str(data), data.name) for word in sys.argv[1:])])
    write_report(found, run, data=data.name, command=command, date=datetime.now(UTC).date().isoformat())


def _look_again(sem: Sem, found: EmotionRun) -> list[RequeryGain]:
    from ...evaluation.emotion.requery_gain import evaluate_second_look
    from ..progress_bars import advancing

    first = [record.prediction for record in found.records["sem_only"]]
    with advancing() as advance:
        return evaluate_second_look(
            sem, found.samples, first, report=lambda done, total: advance("second look", done, total)
        )


def _check_folder(sem: Sem) -> None:
    from ...sem import OnnxSem

    if not isinstance(sem, OnnxSem):
        raise Misuse("--record wants a SEM that lies in a folder of its own")


def _record(sem: Any, own: EmotionReport) -> None:
    """Write what the SEM reached by itself into its folder."""
    figures = {name: round(getattr(own, name).value, 4) for name in ("top1", "top3", "top5", "ece")}
    if own.sets:
        whole = own.sets["all"]
        figures |= {"coverage90": round(whole.coverage.value, 4), "size90": round(whole.size.value, 2)}
    sem.record({**figures, "samples": own.samples})
