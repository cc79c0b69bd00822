# SPDX-License-Identifier: Apache-2.0
# What an outsider compiles against: each installed header has a line in one of these lists.
eastwatchincludedir = $(includedir)/eastwatch
eastwatchinclude_HEADERS = include/eastwatch/client.h
nodist_eastwatchinclude_HEADERS = include/eastwatch/version.h
