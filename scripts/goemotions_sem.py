"""Train a classifier on GoEmotions and evaluate it as an `HfSem`, with its own labels and mapped to the 32.

It needs the GoEmotions data (27 emotions and `neutral`, Demszky et al., ACL 2020):
`.venv/bin/python scripts/goemotions_sem.py --backbone FOLDER --data FOLDER --out FOLDER`.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import torch
from hef.contract import Turn
from hef.data.conversations import read_samples
from hef.evaluation.emotion.emotion_metrics import report_emotion
from hef.evaluation.emotion.turn_record import record_sem
from hef.sem import EMPATHETIC_DIALOGUES, GOEMOTIONS_TO_EMPATHETIC_DIALOGUES, HfSem
from hef.training.trainer import length_bucketed_batches
from sklearn.metrics import f1_score
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BATCH, WINDOW, RATE = 32, 64, 1e-4
RELATIVE_THRESHOLD = 0.3
"""A label is predicted from this fraction of the highest probability on."""


def read(path: Path) -> list[dict[str, Any]]:
    """Load a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def train(backbone: Path, rows: list[dict[str, Any]], labels: list[str], out: Path, passes: int) -> None:
    """Fine-tune an encoder on multi-label rows and save it in the form that `HfSem` loads."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(backbone, trust_remote_code=False)
    model = AutoModelForSequenceClassification.from_pretrained(
        backbone,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        problem_type="multi_label_classification",
        dtype=torch.float32,
        trust_remote_code=False,
    ).train()
    frequencies = torch.tensor([[label in row["labels"] for label in labels] for row in rows]).float().mean(0)
    with torch.no_grad():  # start from label frequencies, or rare labels stay at a low probability for many steps
        model.classifier.bias.copy_(frequencies.clamp_min(1e-4).logit())
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    steps = passes * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps + 1, pct_start=0.06, anneal_strategy="linear"
    )
    step, lengths = 0, [len(row["text"]) for row in rows]
    for number in range(passes):
        for indices in length_bucketed_batches(lengths, BATCH, str(number)):
            batch = [rows[index] for index in indices]
            inputs = tokenizer([row["text"] for row in batch], padding=True, truncation=True, max_length=WINDOW)
            targets = torch.tensor([[float(label in row["labels"]) for label in labels] for row in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(**inputs.convert_to_tensors("pt")).logits
            loss = binary_cross_entropy_with_logits(logits.float(), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step % 50 == 0:
                print(f"step {step} of {steps}, loss {loss.item():.4f}", flush=True)
    model.eval().save_pretrained(out)
    tokenizer.save_pretrained(out)


def evaluate_own_labels(folder: Path, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the accuracy of the first choice and F1 of the classifier on its own labels."""
    sem = HfSem(str(folder))
    labels = sem.description.taxonomy.labels
    readings = sem.read([[Turn("speaker", row["text"])] for row in rows])
    is_correct = [reading.ranked[0] in row["labels"] for reading, row in zip(readings, rows, strict=True)]
    targets = [[label in row["labels"] for label in labels] for row in rows]
    predictions = [
        [reading.distribution[label] >= RELATIVE_THRESHOLD * max(reading.distribution.values()) for label in labels]
        for reading in readings
    ]
    score: Any = f1_score  # its stubs require a str for `zero_division`, unlike its documentation
    scores = {
        f"{mean}_f1": float(score(targets, predictions, average=mean, zero_division=0)) for mean in ("macro", "micro")
    }
    return {"rows": len(rows), "first_right": sum(is_correct) / len(is_correct), **scores}


def evaluate_mapped(folder: Path, valid: Path) -> str:
    """Return the metrics of the classifier, mapped to EmpatheticDialogues' 32 labels, on listener turns."""
    sem = HfSem(str(folder), taxonomy=EMPATHETIC_DIALOGUES, label_map=GOEMOTIONS_TO_EMPATHETIC_DIALOGUES)
    samples, _ = read_samples(valid, EMPATHETIC_DIALOGUES.labels)
    predictions = [record.prediction for record in record_sem(sem, samples, primary=5)]
    report = report_emotion(
        predictions, samples, EMPATHETIC_DIALOGUES.labels, strategy="sem_only", seconds=0.0, sem="hf"
    )
    return report.model_dump_json(include={"samples", "top1", "top3", "top5", "ece"})


def main() -> None:
    """Train if there is no classifier yet, and print both evaluations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", type=Path, required=True, help="folder of a BERT-like encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder with goemotions/ and empathetic_dialogues/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the classifier")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--rows", type=int, help="number of training rows; default: all")
    arguments = parser.parse_args()
    goemotions = arguments.data / "goemotions"
    if not (arguments.out / "config.json").exists():
        labels = (goemotions / "labels.txt").read_text(encoding="utf-8").split()
        rows = read(goemotions / "train.jsonl.gz")[: arguments.rows]
        train(arguments.backbone, rows, labels, arguments.out, arguments.passes)
    print(json.dumps(evaluate_own_labels(arguments.out, read(goemotions / "dev.jsonl.gz"))))
    print(evaluate_mapped(arguments.out, arguments.data / "empathetic_dialogues" / "valid.jsonl.gz"))


if __name__ == "__main__":
    main()
