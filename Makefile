# The two commands: `make demo` and `make test`.
.PHONY: demo test bootstrap build bench clean-demo

# From nothing to verified trajectories: bootstrap, release build, the main job on the bundled input.
demo: bootstrap
	cargo build --release --locked -p wayfarer
	./target/release/wayfarer generate --seeds seeds.jsonl --out out/demo

test:
	scripts/test.sh

bootstrap:
	scripts/bootstrap.sh

build:
	cargo build --release --locked -p wayfarer -p wayfarer-loadtest

# Step overhead (everything but model time and the page's own load) on the shop; the farm beside raw CDP.
bench: bootstrap build
	./target/release/wayfarer-loadtest step
	./target/release/wayfarer-loadtest farm

clean-demo:
	rm -rf out/demo
