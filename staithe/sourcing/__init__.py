"""Where a bundle's content comes from: what is wished for (bundle.toml), what was chosen (bundle.lock), downloads."""
