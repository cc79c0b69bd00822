/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct ew_args;

/* Parts of `eastwatch baseline`; each returns an exit code, after a sentence. */
int ew_baseline_status(const struct ew_args *args);
int ew_baseline_show(const struct ew_args *args);
int ew_baseline_review(const struct ew_args *args);
int ew_baseline_log(const struct ew_args *args);
int ew_baseline_diff(const struct ew_args *args);
int ew_baseline_export(const struct ew_args *args);
int ew_baseline_import(const struct ew_args *args);
/* accept, deny, snooze, forget, lock, unlock, label, relearn, undo: words[0] says which. */
int ew_baseline_decide(const struct ew_args *args);
