"""Speed and memory, as ratios against others measured in the same run."""
