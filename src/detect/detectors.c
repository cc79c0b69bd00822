/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detector.h"

/*
 * All detectors. An event visits them in this order; scan comes first because scan-slow reads
 * what it has just counted, and the edge detectors come before role-reversal and the chains
 * that build on them.
 */

extern const struct ew_detector ew_detector_scan, ew_detector_scan_slow,
    ew_detector_dark_contact, ew_detector_canary, ew_detector_policy_deny,
    ew_detector_new_edge, ew_detector_new_port, ew_detector_sensitive_access,
    ew_detector_arp_sweep, ew_detector_arp_spoof, ew_detector_l2_rogue,
    ew_detector_source_spoof, ew_detector_ghost, ew_detector_role_reversal,
    ew_detector_new_workload, ew_detector_coverage, ew_detector_fanout,
    ew_detector_flood, ew_detector_replica_divergence, ew_detector_pivot_chain,
    ew_detector_beacon, ew_detector_volume, ew_detector_exfil, ew_detector_brute_force,
    ew_detector_tunnel, ew_detector_dns_recon, ew_detector_relay;

const struct ew_detector *const ew_detectors[] = {
	&ew_detector_scan,
	&ew_detector_scan_slow,
	&ew_detector_dark_contact,
	&ew_detector_arp_sweep,
	&ew_detector_arp_spoof,
	&ew_detector_l2_rogue,
	&ew_detector_source_spoof,
	&ew_detector_ghost,
	&ew_detector_canary,
	&ew_detector_policy_deny,
	&ew_detector_new_edge,
	&ew_detector_new_port,
	&ew_detector_sensitive_access,
	&ew_detector_role_reversal,
	&ew_detector_new_workload,
	&ew_detector_replica_divergence,
	&ew_detector_pivot_chain,
	&ew_detector_fanout,
	&ew_detector_volume,
	&ew_detector_exfil,
	&ew_detector_brute_force,
	&ew_detector_relay,
	&ew_detector_tunnel,
	&ew_detector_dns_recon,
	&ew_detector_flood,
	&ew_detector_beacon,
	&ew_detector_coverage,
	NULL,
};
