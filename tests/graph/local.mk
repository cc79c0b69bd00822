# SPDX-License-Identifier: Apache-2.0
# Each test file of this folder has a line here: tests_graph_check_graph_SOURCES += %D%/test_name.c
# (then: make check-folder FOLDER=graph). It can use src/graph and the layers below it, no more.
tests_graph_check_graph_CPPFLAGS = $(test_cppflags)
tests_graph_check_graph_LDADD = $(test_ldadd) $(graph_ldadd)
tests_graph_check_graph_SOURCES =
tests_graph_check_graph_SOURCES += %D%/test_fixed.c
tests_graph_check_graph_SOURCES += %D%/test_graph.c
tests_graph_check_graph_SOURCES += %D%/world.h
tests_graph_check_graph_SOURCES += %D%/shop.h
tests_graph_check_graph_SOURCES += %D%/test_decide.c
tests_graph_check_graph_SOURCES += %D%/test_persist.c
