"""Reads the files of rules/, whose form is one of the many that YAML has, and compares them with what a Prometheus has loaded."""

import json
import re
from pathlib import Path


class Unreadable(Exception):
    """A line that is not of that form."""


def scalar(text):
    if text.startswith('"'):
        return json.loads(text)
    return text[1:-1] if text.startswith("'") else text


def mapping(text):
    """{a: b, c: 'd'}"""
    pairs = re.findall(r"(\w+): ('[^']*'|\"[^\"]*\"|[^,]+)(?:, )?", text[1:-1])
    return {key: scalar(value) for key, value in pairs}


def read_file(path):
    """The groups of a file, as lists and dictionaries as its YAML says."""
    groups, into, block = [], {}, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if block and (indent > block[1] or not text):
            into[0][block[0]] += f"{text}\n"
            continue
        block = None
        if not text or text.startswith("#") or text in ("groups:", "rules:"):
            continue
        dash, key, value = re.fullmatch(r"(- )?(?:(\w+):)?(?: ?(.+))?", text).groups()
        if dash and indent == 2:
            groups.append({"rules": []})
            into = {2: groups[-1], 4: groups[-1]}
        elif dash and indent == 6 and groups:
            rule = {"labels": {}, "annotations": {}} | (mapping(value) if key is None else {})
            groups[-1]["rules"].append(rule)
            into |= {6: rule, 8: rule, 10: rule["annotations"]}
        if indent not in into or (key is None and not dash) or (value is None and key != "annotations"):
            raise Unreadable(f"{path}:{number}: not in the form of the rules here: {text}")
        if value == "|":
            into[indent][key], block, into[0] = "", (key, indent), into[indent]
        elif key and value:
            into[indent][key] = mapping(value) if value.startswith("{") else scalar(value)
    return groups


def read(folder):
    """All groups of a folder, by name."""
    return {group["name"]: group for path in sorted(Path(folder).glob("*.yml")) for group in read_file(path)}


def seconds(duration):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return sum(int(number) * units[unit] for number, unit in parts)


def plain(expression):
    """An expression without what Prometheus changes when it shows it: spaces, and the form of numbers."""
    number = r'(?<![\w.:"])(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])'
    return re.sub(number, lambda found: repr(float(found[1])), re.sub(r"\s+", "", expression))


def of_file(rule):
    return {
        "expression": plain(rule["expr"]),
        "for": seconds(rule.get("for", "0s")),
        "keep_firing_for": seconds(rule.get("keep_firing_for", "0s")),
        "annotations": {key: value.strip() for key, value in rule["annotations"].items()},
    }


def of_answer(rule):
    return {
        "expression": plain(rule["query"]),
        "for": rule.get("duration", 0),
        "keep_firing_for": rule.get("keepFiringFor", 0),
        "annotations": {key: value.strip() for key, value in rule.get("annotations", {}).items()},
    }


def named(name, labels):
    words = [labels[key] for key in ("slo", "severity", "team") if key in labels]
    return f"{name} ({', '.join(words)})" if words else name


def indexed(rules, name, content):
    """Rules by name and labels; several may have the same."""
    index = {}
    for rule in rules:
        labels = rule.get("labels") or {}
        index.setdefault((name(rule), tuple(sorted(labels.items()))), []).append(content(rule))
    return index


def differences(expected, loaded):
    """What a Prometheus has not loaded as the files have it, in words. Groups of others are none of ours."""
    loaded = {group["name"]: group for group in loaded}
    found = []
    for name, group in expected.items():
        if name not in loaded:
            found.append(f"the group {name} is missing")
            continue
        if "interval" in group and seconds(group["interval"]) != loaded[name]["interval"]:
            found.append(f"the group {name} has another interval")
        ours = indexed(group["rules"], lambda rule: rule.get("alert") or rule["record"], of_file)
        theirs = indexed(loaded[name]["rules"], lambda rule: rule["name"], of_answer)
        for key in ours.keys() - theirs.keys():
            found.append(f"{named(key[0], dict(key[1]))} is missing")
        for key in theirs.keys() - ours.keys():
            found.append(f"{named(key[0], dict(key[1]))} is there, and not in the files")
        for key in ours.keys() & theirs.keys():
            if len(ours[key]) != len(theirs[key]):
                found.append(f"{named(key[0], dict(key[1]))} is there {len(theirs[key])} times")
            for mine, other in zip(ours[key], theirs[key]):
                parts = [part for part in mine if mine[part] != other[part]]
                if parts:
                    found.append(f"{named(key[0], dict(key[1]))} has another {', '.join(parts)}")
    return sorted(found)
