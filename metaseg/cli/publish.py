"""python -m metaseg publish model CHECKPOINT USER/NAME, and publish space USER/NAME"""

import argparse

from metaseg.hub.resolve import local_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    model = kinds.add_parser("model", help="push a checkpoint as a model repository")
    model.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or shipped name")
    model.add_argument("repository", metavar="USER/NAME")
    model.add_argument("--private", action="store_true", help="create a private repository")
    model.add_argument("--tag", metavar="TAG", help="tag for this version, for example v1")
    model.set_defaults(run=run_model)

    space = kinds.add_parser("space", help="publish the demo as your own Space")
    space.add_argument("repository", metavar="USER/NAME")
    space.add_argument(
        "--models",
        action="append",
        default=[],
        metavar="MODEL",
        help="model to serve: USER/NAME[@REVISION] on the Hub, or a folder, which is pushed first; "
        "repeatable (default: the shipped models)",
    )
    space.add_argument("--private", action="store_true", help="create a private repository")
    space.add_argument(
        "--hardware", metavar="NAME", help="Space hardware, for example zero-a10g or cpu-upgrade"
    )
    space.set_defaults(run=run_space)


# The Hub client is slow to import, and the other commands do not need it.


def run_model(options: argparse.Namespace) -> int:
    """Push a checkpoint, and print its page and commit."""
    from metaseg.hub.push import push_model

    folder = local_folder(options.checkpoint) or options.checkpoint
    pushed = push_model(folder, options.repository, options.private, options.tag)
    print_push(pushed)
    print(f'Load it with metaseg.from_pretrained("{pushed.repo_id}@{pushed.commit}")')
    return 0


def run_space(options: argparse.Namespace) -> int:
    """Publish the demo, and print its page and commit."""
    from metaseg.hub.space import publish_space

    print_push(publish_space(options.repository, options.models, options.private, options.hardware))
    if options.private:
        print(
            "Private models need a token with read access: add it to the Space's settings as the "
            "secret HF_TOKEN. Until then the Space serves the shipped models."
        )
    return 0


def print_push(pushed) -> None:
    """The page and the commit of a push."""
    print(f"{pushed.page}\ncommit {pushed.commit}{'' if pushed.changed else ' (nothing new)'}")
