# SPDX-License-Identifier: MIT
# Programs that measure. They print the line of JSON that bench/bench.h describes.
BENCH_SHARED = bench/bench.c bench/bench.h
BENCH_HF = $(BENCH_SHARED) bench/hf.c bench/hf.h
BENCH_CORE = libholdfast-core.la $(LIBPQ_LIBS) $(PTHREAD_LIBS)

noinst_PROGRAMS += bench/hf-peer bench/hf-peer-fast

# With the objects of the library in them, so that they run as they are, without libtool's wrapper.
bench_hf_peer_SOURCES = $(BENCH_HF) bench/hf_bulk.c bench/hf_peer.c bench/hf_tx.c
bench_hf_peer_LDADD = $(BENCH_CORE)
bench_hf_peer_fast_SOURCES = $(BENCH_HF) bench/hf_peer_fast.c
bench_hf_peer_fast_LDADD = $(BENCH_CORE)
