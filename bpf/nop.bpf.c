/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that do nothing, at each hook: what a measurement costs without us. For bench/ only. */
#include "bpf/program.h"

char hp_license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int nop_tc(struct __sk_buff *skb)
{
	return TC_ACT_UNSPEC;
}

SEC("cgroup_skb/egress")
int nop_cgroup(struct __sk_buff *skb)
{
	return 1;
}

SEC("xdp")
int nop_xdp(struct xdp_md *xdp)
{
	return XDP_PASS;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int nop_read(void *ctx)
{
	return 0;
}

SEC("tp_btf/sched_process_exec")
int nop_exec(void *ctx)
{
	return 0;
}
