# Every target is `./dev <target>`, which makes the environment first. `make check` is the gate.
SEEDS ?=
.PHONY: check up setup format lint types contracts test bench seeds seeds-10000 sim java fuzz lock stubs deviations commands screenshots slow wheel

check up setup format lint types contracts test bench java fuzz lock stubs deviations commands screenshots slow wheel:
	./dev $@ $(ARGS)

seeds:
	./dev seeds $(SEEDS)

seeds-10000:
	./dev seeds --many

sim:
	./dev sim $(SEED)
