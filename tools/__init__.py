"""What the project needs and users do not: not installed with the package."""
