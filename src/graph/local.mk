# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_graph_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/graph/local.mk. Libraries: the layers in Makefile.am.
libew_graph_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_graph_a_SOURCES =
libew_graph_a_SOURCES += %D%/edge.h
libew_graph_a_SOURCES += %D%/graph.h
libew_graph_a_SOURCES += %D%/record.h
libew_graph_a_SOURCES += %D%/fixed.c
libew_graph_a_SOURCES += %D%/fixed.h
libew_graph_a_SOURCES += %D%/graph.c
libew_graph_a_SOURCES += %D%/graph_priv.h
libew_graph_a_SOURCES += %D%/index.c
libew_graph_a_SOURCES += %D%/learn.c
libew_graph_a_SOURCES += %D%/names.c
libew_graph_a_SOURCES += %D%/novelty.c
libew_graph_a_SOURCES += %D%/pattern.c
libew_graph_a_SOURCES += %D%/persist.c
libew_graph_a_SOURCES += %D%/rules.c
libew_graph_a_SOURCES += %D%/sensitive.c
libew_graph_a_SOURCES += %D%/sensitive.h
libew_graph_a_SOURCES += %D%/state.c
libew_graph_a_SOURCES += %D%/table.c
EXTRA_DIST += %D%/README.md
