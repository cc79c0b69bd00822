/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which database is this, and how does it become the one we know? The schema is a row of
 * numbered SQL files, forward only. user_version is the number of the last one applied;
 * each is applied in a transaction of its own together with its number, so a kill between
 * two leaves a database that is whole and goes on from there.
 */
#include "store/db_priv.h"

#include <stdio.h>

#include "base/err.h"
#include "store/schema_sql_priv.h"

int
ew_db_schema_newest(void)
{
	size_t count;
	const struct ew_schema_step *steps = ew_schema_steps(&count);

	return count ? steps[count - 1].number : 0;
}

int
ew_db_identify(struct ew_db *db, int *ret_version, struct ew_error *error)
{
	const int newest = ew_db_schema_newest();

	/* The first look at the file: this is where one that is no database shows. */
	if (ew_db_exec(db, "read the schema", "SELECT count(*) FROM sqlite_schema") !=
	    0)
		return ew_db_explain(db->path, db->error, db->error_text, error);

	const int64_t application = ew_db_int(db, "PRAGMA application_id", 0);
	const int64_t version = ew_db_int(db, "PRAGMA user_version", 0);
	const int64_t objects = ew_db_int(db, "SELECT count(*) FROM sqlite_schema", 0);

	if (application != EW_DB_APPLICATION && (objects > 0 || application != 0))
		return ew_error_set(error, EW_ERR_FORMAT,
		    "%s is the database of another program: name another file with "
		    "--db or "
		    "database.path",
		    db->path);
	if (version > newest)
		return ew_error_set(error, EW_ERR_VERSION,
		    "database %s was written by a newer eastwatch (schema %lld, this "
		    "program "
		    "knows %d): install that version, or name another file with "
		    "database.path",
		    db->path, (long long)version, newest);
	*ret_version = (int)version;
	return 0;
}

static int
apply(struct ew_db *db, const struct ew_schema_step *step)
{
	char number[64];

	snprintf(number, sizeof(number), "PRAGMA user_version = %d", step->number);
	if (ew_db_exec(db, "begin migration", "BEGIN IMMEDIATE") != 0)
		return db->error;
	if (ew_db_exec(db, step->name, step->text) != 0 ||
	    ew_db_exec(db, "number migration", number) != 0 ||
	    ew_db_exec(db, "commit migration", "COMMIT") != 0) {
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
		return db->error;
	}
	return 0;
}

int
ew_db_migrate(struct ew_db *db, struct ew_error *error)
{
	size_t count;
	const struct ew_schema_step *steps = ew_schema_steps(&count);
	int version = 0;
	int rc = ew_db_identify(db, &version, error);

	if (rc != 0)
		return rc;
	if (version == 0 &&
	    ew_db_int(db, "SELECT count(*) FROM sqlite_schema", 0) == 0) {
		/* These stand in the file's header and must come before the first table. */
		char text[64];

		snprintf(text, sizeof(text), "PRAGMA application_id = %d",
		    EW_DB_APPLICATION);
		(void)ew_db_exec(db, "auto_vacuum", "PRAGMA auto_vacuum = INCREMENTAL");
		(void)ew_db_exec(db, "application_id", text);
	}
	for (size_t i = 0; i < count && db->error == 0; i++)
		if (steps[i].number > version)
			(void)apply(db, &steps[i]);
	if (db->error != 0)
		return ew_db_explain(db->path, db->error, db->error_text, error);
	return 0;
}
