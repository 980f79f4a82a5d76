"""Checkpoints and the demo to the Hugging Face Hub, and checkpoints back."""

from metaseg.hub.names import HubName
from metaseg.hub.pull import pull
from metaseg.hub.push import Pushed, check_login, plain_repo_id, push_model

__all__ = ["HubName", "Pushed", "check_login", "plain_repo_id", "pull", "push_model"]
