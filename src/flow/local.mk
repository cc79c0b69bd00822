# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_flow_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/flow/local.mk. Libraries: the layers in Makefile.am.
libew_flow_a_CPPFLAGS = $(AM_CPPFLAGS) $(XXHASH_CFLAGS) $(CRYPTO_CFLAGS)
libew_flow_a_SOURCES =
libew_flow_a_SOURCES += %D%/event.h
libew_flow_a_SOURCES += %D%/connlog.h
libew_flow_a_SOURCES += %D%/flow.h
libew_flow_a_SOURCES += %D%/community_id.c
libew_flow_a_SOURCES += %D%/connlog.c
libew_flow_a_SOURCES += %D%/counters.c
libew_flow_a_SOURCES += %D%/datagram.c
libew_flow_a_SOURCES += %D%/event.c
libew_flow_a_SOURCES += %D%/evict.c
libew_flow_a_SOURCES += %D%/flow_priv.h
libew_flow_a_SOURCES += %D%/history.c
libew_flow_a_SOURCES += %D%/index.c
libew_flow_a_SOURCES += %D%/neighbour.c
libew_flow_a_SOURCES += %D%/points.c
libew_flow_a_SOURCES += %D%/refused.c
libew_flow_a_SOURCES += %D%/table.c
libew_flow_a_SOURCES += %D%/tcp.c
libew_flow_a_SOURCES += %D%/tcp_events.c
libew_flow_a_SOURCES += %D%/tell.c
libew_flow_a_SOURCES += %D%/timers.c
libew_flow_a_SOURCES += %D%/turns.c
libew_flow_a_SOURCES += %D%/wheel.c
libew_flow_a_SOURCES += %D%/index_priv.h
