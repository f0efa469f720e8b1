# SPDX-License-Identifier: MIT
# Programs that show the library; built by make, linked with the library as users link it. The
# source of examples/x is examples/x.c unless examples_x_SOURCES says otherwise; each needs its
# examples_x_LDADD line.
EXAMPLES = \
	examples/query

noinst_PROGRAMS += $(EXAMPLES)

examples_query_LDADD = libholdfast.la $(PTHREAD_LIBS)
