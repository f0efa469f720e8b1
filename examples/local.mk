# SPDX-License-Identifier: MIT
# Programs that show the library; built by make, linked with the library as users link it. The
# source of examples/x is examples/x.c unless examples_x_SOURCES says otherwise; each needs its
# examples_x_LDADD line.
EXAMPLES = \
	examples/bank \
	examples/bulk_load \
	examples/databases \
	examples/demo \
	examples/fan_out \
	examples/interaction \
	examples/job_feed \
	examples/listen \
	examples/lookups \
	examples/loop_poll \
	examples/metrics \
	examples/query \
	examples/seat_reservation \
	examples/shop \
	examples/tasks \
	examples/two_engines

if HAVE_UV
EXAMPLES += examples/loop_uv
endif
if HAVE_EVENT
EXAMPLES += examples/loop_event
endif
if HAVE_MHD
EXAMPLES += examples/request_scope
endif

noinst_PROGRAMS += $(EXAMPLES)

examples_bank_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_bulk_load_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_databases_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_demo_SOURCES = \
	examples/demo.c \
	examples/demo.h \
	examples/demo_crowd.c \
	examples/demo_lock.c \
	examples/demo_park.c \
	examples/demo_ui.c \
	examples/demo_work.c
examples_demo_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_fan_out_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_interaction_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_job_feed_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_listen_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_lookups_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_loop_event_SOURCES = examples/loop_event.c examples/loop.c examples/loop.h
examples_loop_event_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
examples_loop_event_LDADD = libholdfast.la $(EVENT_LIBS) $(PTHREAD_LIBS)
examples_loop_poll_SOURCES = examples/loop_poll.c examples/loop.c examples/loop.h
examples_loop_poll_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_loop_uv_SOURCES = examples/loop_uv.c examples/loop.c examples/loop.h
examples_loop_uv_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
examples_loop_uv_LDADD = libholdfast.la $(UV_LIBS) $(PTHREAD_LIBS)
examples_metrics_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_query_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_request_scope_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS)
examples_request_scope_LDADD = libholdfast.la $(MHD_LIBS) $(PTHREAD_LIBS)
examples_seat_reservation_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_shop_SOURCES = \
	examples/shop.c \
	examples/shop.h \
	examples/shop_fill.c \
	examples/shop_models.c
examples_shop_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_tasks_LDADD = libholdfast.la $(PTHREAD_LIBS)
examples_two_engines_LDADD = libholdfast.la $(PTHREAD_LIBS)
