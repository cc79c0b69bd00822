# SPDX-License-Identifier: Apache-2.0
# Each .c and .h file of this folder has a line here: libew_graph_a_SOURCES += %D%/name.c
# (then just run make). Unit tests: tests/graph/local.mk. Libraries: the layers in Makefile.am.
libew_graph_a_CPPFLAGS = $(AM_CPPFLAGS)
libew_graph_a_SOURCES =
libew_graph_a_SOURCES += %D%/edge.h
libew_graph_a_SOURCES += %D%/graph.h
libew_graph_a_SOURCES += %D%/record.h
