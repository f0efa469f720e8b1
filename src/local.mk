# SPDX-License-Identifier: MIT
# The library, floor by floor. A new file goes into the list of its floor, sources and headers alike.

# 0: knows nothing of databases
SRC_BASE = \
	src/base/arena.c src/base/arena.h \
	src/base/attr.h \
	src/base/clock.c src/base/clock.h \
	src/base/fork.c src/base/fork.h \
	src/base/lock.c src/base/lock.h \
	src/base/log.c src/base/log.h \
	src/base/mem.c src/base/mem.h \
	src/base/ref.h \
	src/base/strbuf.c src/base/strbuf.h \
	src/base/thread.c src/base/thread.h \
	src/base/version.c \
	src/base/wake.c src/base/wake.h

# 1: values, types and errors, without I/O
SRC_VALUE = \
	src/value/codec.h \
	src/value/error.c src/value/error.h \
	src/value/opts.c src/value/opts.h \
	src/value/sql.h \
	src/value/sqlstate.c

# 2: libpq
SRC_PQ =

# 3: completion without databases
SRC_ASYNC = \
	src/async/callbacks.h \
	src/async/future.h

# 4: workers
SRC_POOL =

# 5: transactions
SRC_TXN =

include_HEADERS = include/holdfast.h
hfincludedir = $(includedir)/holdfast
hfinclude_HEADERS = \
	include/holdfast/base.h \
	include/holdfast/conn.h \
	include/holdfast/future.h \
	include/holdfast/inbox.h \
	include/holdfast/pool.h \
	include/holdfast/result.h \
	include/holdfast/status.h \
	include/holdfast/txn.h \
	include/holdfast/value.h
nodist_hfinclude_HEADERS = include/holdfast/version.h

# All objects: what the library is made of, and what tests link to reach its inside.
noinst_LTLIBRARIES += libholdfast-core.la
libholdfast_core_la_SOURCES = \
	$(SRC_BASE) $(SRC_VALUE) $(SRC_PQ) $(SRC_ASYNC) $(SRC_POOL) $(SRC_TXN)
libholdfast_core_la_LIBADD = $(LIBPQ_LIBS) $(APU_LIBS) $(APR_LIBS) $(PTHREAD_LIBS)

lib_LTLIBRARIES += libholdfast.la
libholdfast_la_SOURCES =
libholdfast_la_LIBADD = libholdfast-core.la
libholdfast_la_LDFLAGS = $(AM_LDFLAGS) $(HF_SOFLAGS) -version-info 0:0:0
if HAVE_VERSION_SCRIPT
libholdfast_la_LDFLAGS += -Wl,--version-script=$(top_srcdir)/src/holdfast.map
libholdfast_la_DEPENDENCIES = libholdfast-core.la $(top_srcdir)/src/holdfast.map
endif
EXTRA_DIST += src/holdfast.map
