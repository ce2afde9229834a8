"""ECR: what the emulator's own lets pass or lacks."""
