"""Stands in for curl where it is missing: the options that the README uses, and no others."""

import argparse
import sys
from pathlib import Path

import httpx


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", "-N", action="store_true")
    parser.add_argument("-F", dest="form")
    parser.add_argument("-H", dest="header")
    parser.add_argument("-d", dest="data")
    parser.add_argument("url")
    options = parser.parse_args()
    headers = dict([options.header.split(": ", 1)]) if options.header else {}
    files = None
    if options.form:
        name, path = options.form.split("=@", 1)
        files = {name: (Path(path).name, Path(path).read_bytes())}
    method = "POST" if files or options.data else "GET"
    answer = httpx.request(
        method, options.url, headers=headers, content=options.data, files=files, timeout=300
    )
    sys.stdout.write(answer.text)


if __name__ == "__main__":
    main()
