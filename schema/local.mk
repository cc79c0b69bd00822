# SPDX-License-Identifier: Apache-2.0
# Each migration has a line here: schema_sql += %D%/0001_name.sql. They are compiled into
# libew-store (build-aux/embed-schema) and installed for reading. JSON Schemas: schema_json.
schema_sql =
schema_sql += %D%/0001_tables.sql
schema_sql += %D%/0002_views.sql
schema_json =
schema_json += %D%/control.schema.json

schemadir = $(pkgdatadir)/schema
dist_schema_DATA = $(schema_sql) $(schema_json)

nodist_libew_store_a_SOURCES = src/store/schema_sql.c
CLEANFILES += src/store/schema_sql.c
src/store/schema_sql.c: $(schema_sql) build-aux/embed-schema %D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) src/store && \
	(cd $(srcdir) && $(AWK) -f build-aux/embed-schema /dev/null $(schema_sql)) > $@.tmp && mv $@.tmp $@
EXTRA_DIST += build-aux/embed-schema
