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

# What one thread, a queue and workers can reach at best.
BENCH_PQ = $(BENCH_SHARED) bench/pq.c bench/pq.h bench/pq_copy.c
BENCH_FLOOR = $(BENCH_PQ) bench/floor.c bench/floor.h bench/floor_hand.c bench/floor_queue.c
noinst_PROGRAMS += bench/floor bench/floor-fast
bench_floor_SOURCES = $(BENCH_FLOOR)
bench_floor_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
bench_floor_fast_SOURCES = $(BENCH_FLOOR)
bench_floor_fast_CPPFLAGS = $(AM_CPPFLAGS) -DFLOOR_FAST=1
bench_floor_fast_LDADD = $(LIBPQ_LIBS) $(PTHREAD_LIBS)
