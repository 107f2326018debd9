/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs, one entry each; what they do stands in the headers. Each can be left out on its own
 * (autoload), because no kernel must have all that they need:
 *
 *   tc_*, cgroup_*        5.10
 *   xdp_ingress           5.18 (bytes of XDP frames by offset)
 *   sock_create           5.10
 *   process_exec          5.10
 *   sock_state, sock_read 5.12 (storage and cookies in tracing programs)
 *   seed_sockets          5.11
 */
#include "bpf/capture.h"
#include "bpf/process.h"

char hp_license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int tc_ingress(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_TC, HP_INGRESS, 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_TC, HP_EGRESS, 1);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_ingress_l3(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_TC, HP_INGRESS, 0);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress_l3(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_TC, HP_EGRESS, 0);
	return TC_ACT_UNSPEC;
}

SEC("cgroup_skb/ingress")
int cgroup_ingress(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_CGROUP, HP_INGRESS, 0);
	return 1;
}

SEC("cgroup_skb/egress")
int cgroup_egress(struct __sk_buff *skb)
{
	hp_capture_skb(skb, HP_HOOK_CGROUP, HP_EGRESS, 0);
	return 1;
}

SEC("xdp")
int xdp_ingress(struct xdp_md *xdp)
{
	hp_capture_xdp(xdp);
	return XDP_PASS;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old_state, int new_state)
{
	hp_on_state(sk, new_state);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(sock_read, struct sock *sk)
{
	hp_on_read(sk);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	hp_announce(1);
	return 0;
}

SEC("cgroup/sock_create")
int sock_create(struct bpf_sock *sk)
{
	hp_on_create(sk);
	return 1;
}

SEC("iter/task_file")
int seed_sockets(struct bpf_iter__task_file *ctx)
{
	hp_on_seed(ctx);
	return 0;
}
