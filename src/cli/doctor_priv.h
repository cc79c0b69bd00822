/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The probes of `eastwatch doctor`. Each looks at one thing of this node, changes nothing,
 * and says what it found, whether that is well, and what to do.
 */
enum ew_doctor_level { EW_DOCTOR_OK, EW_DOCTOR_UNUSUAL, EW_DOCTOR_BROKEN };

struct ew_doctor_finding {
	enum ew_doctor_level level;
	const char *area; /* "kernel": static */
	char name[48];	  /* "net_raw" */
	char text[400];	  /* what is */
	char todo[300];	  /* what to do; empty: nothing */
};

struct ew_config;
struct ew_doctor {
	const struct ew_config *config;
	const char *config_path; /* NULL: the usual place */
	const char *socket;	 /* control socket */
	const char *database;
	bool daemon_runs;
	size_t n_findings, room;
	struct ew_doctor_finding *findings;
};

/* todo may be NULL. */
void ew_doctor_say(struct ew_doctor *doctor, enum ew_doctor_level level,
    const char *area, const char *name, const char *todo, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* First line of a small file without its end; false when it cannot be read. */
bool ew_doctor_read_line(const char *path, char *ret_text, size_t size);

void ew_doctor_kernel(
    struct ew_doctor *doctor); /* version, lockdown, packet sockets ... */
void ew_doctor_rights(struct ew_doctor *doctor); /* capabilities, users */
void ew_doctor_runtimes(
    struct ew_doctor *doctor); /* docker, podman, containerd, CRI-O */
void ew_doctor_control(struct ew_doctor *doctor); /* does a daemon run? asked first */
void ew_doctor_places(struct ew_doctor *doctor);  /* database, port, socket */
void ew_doctor_daemon(
    struct ew_doctor *doctor); /* what the running daemon says of itself */
void ew_doctor_database(
    struct ew_doctor *doctor); /* its schema, age, gaps and health */
void ew_doctor_networks(struct ew_doctor *doctor); /* interfaces and what they hide */
void ew_doctor_blind(struct ew_doctor *doctor);	   /* what can never be seen */
