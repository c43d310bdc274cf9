"""Photos as networks see them in training: views, drawn damage, features kept between runs. May import `run`, `metrics`."""
