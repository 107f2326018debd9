/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns a socket, learned where it happens: connect and listen, the first read of an accepted
 * child, socket(), and the descriptor tables that were there before the agent. A process is announced
 * with its executable and command line at exec, or when it first owns a socket, so that one that lives
 * two milliseconds still has a name. All of this runs in process context; nothing here uses scratch
 * that an interrupt could overwrite.
 */
#ifndef HP_PROCESS_H
#define HP_PROCESS_H

#include "bpf/maps.h"

#define HP_MAX_COMPONENTS 32	/* of a path, mounts crossed included */
#define HP_MAX_NAME 255

/* A walk up a path: a dentry, the mount that it is seen through, and that mount's root. */
struct hp_walk {
	struct dentry *dentry;
	struct vfsmount *mount;
	struct dentry *root;
};

enum hp_step {
	HP_STEP_NAME,	/* the dentry has a name in its parent, on which the walk now stands */
	HP_STEP_MOUNT,	/* the root of a mount: the walk now stands on its mount point */
	HP_STEP_TOP,	/* the root of the mount namespace */
	HP_STEP_LOST,	/* neither: not reachable from the root */
};

static hp_always_inline void hp_walk_begin(struct hp_walk *walk, struct file *file)
{
	struct vfsmount *mount = BPF_CORE_READ(file, f_path.mnt);

	walk->dentry = BPF_CORE_READ(file, f_path.dentry);
	walk->mount = mount;
	walk->root = BPF_CORE_READ(mount, mnt_root);
}

static hp_always_inline int hp_walk_step(struct hp_walk *walk, struct qstr *name)
{
	struct dentry *dentry = walk->dentry, *parent;
	struct vfsmount *seen_through;
	struct mount *mount, *above;

	if (dentry == walk->root) {
		mount = (void *)walk->mount - bpf_core_field_offset(struct mount, mnt);
		above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount || !above)
			return HP_STEP_TOP;
		seen_through = (void *)above + bpf_core_field_offset(struct mount, mnt);
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = seen_through;
		walk->root = BPF_CORE_READ(seen_through, mnt_root);
		return HP_STEP_MOUNT;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (parent == dentry || !parent)
		return HP_STEP_LOST;
	name->len = BPF_CORE_READ(dentry, d_name.len);
	name->name = BPF_CORE_READ(dentry, d_name.name);
	walk->dentry = parent;
	return HP_STEP_NAME;
}

/*
 * The absolute path of a file into `to`, which holds `room` bytes for it and as many again: names come
 * last first, so that it is built in the second half from the end and then moved to the front. One name
 * may have `longest` bytes; to must hold 2 * room + longest bytes, because the verifier knows no
 * relation between the place and the length of a name. Result: its length, or -1 if it has no room.
 * *complete: 0 if the walk did not arrive at the root.
 */
static hp_always_inline int hp_path(struct file *file, __u8 *to, const __u32 room, const __u32 longest,
				    __u8 *complete)
{
	__u64 at = 2 * room, size;
	struct qstr name = {};
	struct hp_walk walk;
	__u32 i;
	int step;

	*complete = 0;
	hp_walk_begin(&walk, file);
#pragma clang loop unroll(disable)
	for (i = 0; i < HP_MAX_COMPONENTS; i++) {
		step = hp_walk_step(&walk, &name);
		if (step == HP_STEP_NAME) {
			size = name.len;
			HP_FORGET(at);
			if (size + 1 > at - room)
				return -1;
			at -= size;
			HP_OPAQUE(at);
			if (at > 2 * room)
				return -1;
			/* Bounds are proven right before their use: old verifiers lose them on the way. */
			HP_FORGET(size);
			if (!hp_bounded(&size, longest) || bpf_probe_read_kernel(to + at, (__u32)size, name.name))
				return -1;
			at -= 1;
			HP_OPAQUE(at);
			if (at >= 2 * room)
				return -1;
			to[at] = '/';
		} else if (step != HP_STEP_MOUNT) {
			*complete = step == HP_STEP_TOP;
			break;
		}
		HP_FORGET(walk.dentry);
		HP_FORGET(walk.mount);
		HP_FORGET(walk.root);
	}
	HP_FORGET(at);
	size = 2 * room - at;
	if (!hp_bounded(&size, room) || at > 2 * room)
		return 0;
	if (bpf_probe_read_kernel(to, (__u32)size, to + at))
		return 0;
	return (int)size;
}

/* The kernel's device number as stat() shows it. */
static hp_always_inline __u32 hp_stat_device(__u32 device)
{
	__u32 major = device >> 20, minor = device & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static hp_always_inline void hp_fill_process(struct hp_process *p, struct task_struct *leader, struct file *exe,
					     __u8 exec)
{
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	const struct cred *cred = BPF_CORE_READ(leader, cred);
	struct inode *inode = exe ? BPF_CORE_READ(exe, f_inode) : 0;

	p->version = HP_WIRE_VERSION;
	p->record = HP_RECORD_PROCESS;
	p->exec = exec;
	p->path_complete = 0;
	p->sequence = hp_next_sequence(1);
	p->time_ns = bpf_ktime_get_boot_ns();
	p->start_ns = BPF_CORE_READ(leader, start_boottime);
	p->cgroup_id = bpf_get_current_cgroup_id();
	p->pid = (__u32)BPF_CORE_READ(leader, tgid);
	p->parent_pid = (__u32)BPF_CORE_READ(parent, tgid);
	p->uid = BPF_CORE_READ(cred, uid.val);
	p->gid = BPF_CORE_READ(cred, gid.val);
	p->userns = BPF_CORE_READ(cred, user_ns, ns.inum);
	p->mntns = BPF_CORE_READ(leader, nsproxy, mnt_ns, ns.inum);
	p->path_len = 0;
	p->args_len = 0;
	p->exe_dev = inode ? hp_stat_device(BPF_CORE_READ(inode, i_sb, s_dev)) : 0;
	p->exe_inode = inode ? BPF_CORE_READ(inode, i_ino) : 0;
	bpf_probe_read_kernel(p->comm, sizeof(p->comm), leader->comm);
}

/*
 * Reserves, fills and submits one record with room for a path and arguments of these sizes. Result: 0 if
 * the path has no room in it.
 */
static hp_always_inline int hp_submit_process(struct task_struct *leader, struct file *exe, __u8 exec,
					      unsigned long args, __u64 args_len, __u32 wakeup,
					      const __u32 path_room, const __u32 args_room, const int last)
{
	const __u32 longest = path_room < HP_MAX_NAME ? path_room : HP_MAX_NAME;
	struct hp_process *p;
	int path_len = 0;
	__u8 complete = 0;
	__u64 before;
	__u8 *bytes;

	/* Arguments stand where the path was built, and behind it. */
	p = bpf_ringbuf_reserve(&processes,
				sizeof(*p) + (path_room + args_room > 2 * path_room + longest ?
						      path_room + args_room :
						      2 * path_room + longest),
				0);
	if (!p) {
		hp_count(HP_COUNT_LOST_RING_PROCESS, HP_HOOK_NONE);
		return 1;
	}
	bytes = (__u8 *)(p + 1);
	if (exe)
		path_len = hp_path(exe, bytes, path_room, longest, &complete);
	if (path_len < 0 && !last) {
		bpf_ringbuf_discard(p, BPF_RB_NO_WAKEUP);
		return 0;
	}
	hp_fill_process(p, leader, exe, exec);
	if (path_len > 0) {
		p->path_len = (__u16)path_len;
		p->path_complete = complete;
	}
	before = *(volatile __u16 *)&p->path_len;
	HP_OPAQUE(before);
	if (args && before <= path_room && hp_bounded(&args_len, args_room) &&
	    !bpf_probe_read_user(bytes + before, (__u32)args_len, (void *)args))
		p->args_len = (__u16)args_len;
	bpf_ringbuf_submit(p, hp_wakeup(&processes, wakeup));
	return 1;
}

/*
 * Announces the current process unless this life of this program image was announced. exec: at exec,
 * when it is always announced.
 */
static hp_always_inline void hp_announce_current(const __u32 exec)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task(), *leader;
	struct hp_config *cfg = hp_get_config();
	unsigned long args = 0, args_end;
	struct hp_announced key = {};
	struct hp_announced *known;
	__u32 place, wakeup;
	__u64 args_len = 0;
	struct mm_struct *mm;
	struct file *exe = 0;
	int done = 0;

	if (!cfg || cfg->disabled)
		return;
	leader = BPF_CORE_READ(task, group_leader);
	key.start_ns = BPF_CORE_READ(leader, start_boottime);
	key.pid = (__u32)BPF_CORE_READ(leader, tgid);
	key.exec = (__u32)BPF_CORE_READ(leader, self_exec_id);
	place = (__u32)(((key.start_ns ^ ((__u64)key.pid << 32 | key.exec)) * 0x9e3779b97f4a7c15ULL) >> 40) &
		(HP_ANNOUNCED - 1);
	known = bpf_map_lookup_elem(&announced, &place);
	if (!known)
		return;
	if (!exec && known->start_ns == key.start_ns && known->pid == key.pid && known->exec == key.exec)
		return;
	*known = key;
	mm = BPF_CORE_READ(task, mm);
	if (mm) {
		exe = BPF_CORE_READ(mm, exe_file);
		args = BPF_CORE_READ(mm, arg_start);
		args_end = BPF_CORE_READ(mm, arg_end);
		if (args_end > args)
			args_len = args_end - args;
		if (args_len > HP_ARGS_MAX)
			args_len = HP_ARGS_MAX;
	}
	wakeup = cfg->wakeup_bytes / 4;
	HP_FORGET(args_len);
	if (args_len <= 192)
		done = hp_submit_process(leader, exe, (__u8)exec, args, args_len, wakeup, 96, 192, 0);
	else if (args_len <= 448)
		done = hp_submit_process(leader, exe, (__u8)exec, args, args_len, wakeup, 128, 448, 0);
	if (!done)
		hp_submit_process(leader, exe, (__u8)exec, args, args_len, wakeup, HP_PATH_MAX, HP_ARGS_MAX, 1);
}

static __noinline void hp_announce(const __u32 exec)
{
	hp_announce_current(exec);
	HP_NO_RESULT();
}

/* The process of a task as an owner. */
static hp_always_inline void hp_fill_owner(struct hp_owner *o, struct task_struct *task, __u64 cgroup_id,
					   __u32 netns, __u8 role, __u8 flags)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	o->start_ns = BPF_CORE_READ(leader, start_boottime);
	o->cgroup_id = cgroup_id;
	o->uid = BPF_CORE_READ(task, cred, uid.val);
	o->netns = netns;
	o->role = role;
	o->flags = flags | (BPF_CORE_READ(task, flags) & PF_KTHREAD ? HP_OWNER_KERNEL : 0);
	o->reserved = 0;
	bpf_probe_read_kernel(o->comm, sizeof(o->comm), leader->comm);
	barrier();
	o->pid = (__u32)BPF_CORE_READ(leader, tgid);
}

static hp_always_inline __u32 hp_socket_netns(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* tp_btf/inet_sock_set_state: connect() and listen(), still in the process that called them. */
static hp_always_inline void hp_on_state(struct sock *sk, int state)
{
	struct hp_socket *socket;

	if (state != TCP_SYN_SENT && state != TCP_LISTEN)
		return;
	if (sk->sk_protocol != IPPROTO_TCP)
		return;
	socket = bpf_sk_storage_get(&socket_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return;
	hp_fill_owner(&socket->owner, (struct task_struct *)bpf_get_current_task(),
		      bpf_get_current_cgroup_id(), hp_socket_netns(sk),
		      state == TCP_LISTEN ? HP_ROLE_LISTENER : HP_ROLE_CLIENT,
		      state == TCP_LISTEN ? HP_OWNER_LISTENING : 0);
	/* A socket that is used again has not been read by anyone. */
	socket->has_worker = 0;
	/* Gives the socket its cookie now, so that a look-up at ingress finds one. */
	bpf_get_socket_cookie(sk);
	hp_announce(0);
}

static hp_always_inline void hp_address(struct sock *sk, __u16 family, __u8 *local, __u8 *remote)
{
	if (family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)remote, sk, __sk_common.skc_v6_daddr);
		return;
	}
	__builtin_memset(local, 0, 16);
	__builtin_memset(remote, 0, 16);
	local[10] = local[11] = remote[10] = remote[11] = 0xff;
	*(__u32 *)(local + 12) = sk->__sk_common.skc_rcv_saddr;
	*(__u32 *)(remote + 12) = sk->__sk_common.skc_daddr;
}

/* A worker took over a connection whose first packets named the listener. */
static hp_always_inline void hp_emit_owner(struct sock *sk, const struct hp_socket *socket)
{
	struct hp_config *cfg = hp_get_config();
	struct hp_owner_event *e;

	if (!cfg || cfg->disabled)
		return;
	e = bpf_ringbuf_reserve(&processes, sizeof(*e), 0);
	if (!e) {
		hp_count(HP_COUNT_LOST_RING_PROCESS, HP_HOOK_NONE);
		return;
	}
	e->version = HP_WIRE_VERSION;
	e->record = HP_RECORD_OWNER;
	e->family = (__u8)sk->__sk_common.skc_family;
	e->protocol = IPPROTO_TCP;
	e->sequence = hp_next_sequence(1);
	e->time_ns = bpf_ktime_get_boot_ns();
	e->cookie = bpf_get_socket_cookie(sk);
	hp_address(sk, sk->__sk_common.skc_family, e->local_address, e->remote_address);
	e->local_port = sk->__sk_common.skc_num;
	e->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	e->reserved = 0;
	e->owner = socket->worker;
	bpf_ringbuf_submit(e, hp_wakeup(&processes, cfg->wakeup_bytes / 4));
}

/*
 * Whether the current task is the one that reads. Data is also taken from a socket by softirqs (kTLS,
 * sockmap, KCM read ahead of their users), where the current task is whoever was interrupted, and by
 * kernel threads for somebody else. A system call holds the socket; softirqs run only where nobody does.
 */
static hp_always_inline int hp_task_reads(struct sock *sk, struct task_struct *task)
{
	return BPF_CORE_READ(sk, sk_lock.owned) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

/*
 * tp_btf/tcp_rcv_space_adjust: somebody read from a connection. Of a child that inherited its
 * listener's owner the first reader is the worker, whatever became of the descriptor in between. Of a
 * connection older than the agent several processes may hold the descriptor; who reads uses it.
 */
static hp_always_inline void hp_on_read(struct sock *sk)
{
	struct hp_socket *socket = bpf_sk_storage_get(&socket_owners, sk, 0, 0);
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u8 inherited;

	if (socket && (socket->has_worker || !(socket->owner.flags & HP_OWNER_LISTENING ||
					       socket->owner.role == HP_ROLE_HOLDER)))
		return;
	if (!hp_task_reads(sk, task))
		return;
	if (!socket) {
		/* Missed by the look at the descriptor tables: who reads holds it. */
		socket = bpf_sk_storage_get(&socket_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (socket)
			hp_fill_owner(&socket->owner, task, bpf_get_current_cgroup_id(), hp_socket_netns(sk),
				      HP_ROLE_HOLDER, HP_OWNER_READER);
		return;
	}
	hp_announce(0);
	/* Looked at behind what the verifier walks long, so that it walks that once. */
	inherited = socket->owner.flags & HP_OWNER_LISTENING;
	hp_fill_owner(&socket->worker, task, bpf_get_current_cgroup_id(), hp_socket_netns(sk),
		      inherited ? HP_ROLE_WORKER : HP_ROLE_HOLDER, inherited ? 0 : HP_OWNER_READER);
	barrier();
	socket->has_worker = 1;
	hp_emit_owner(sk, socket);
}

/* cgroup/sock_create: the owner of UDP sockets, and of all where tracing storage does not exist. */
static hp_always_inline void hp_on_create(struct bpf_sock *sk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct hp_socket *socket;

	if ((sk->family != AF_INET && sk->family != AF_INET6) ||
	    (sk->protocol != IPPROTO_TCP && sk->protocol != IPPROTO_UDP))
		return;
	socket = bpf_sk_storage_get(&socket_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return;
	hp_fill_owner(&socket->owner, task, bpf_get_current_cgroup_id(),
		      BPF_CORE_READ(task, nsproxy, net_ns, ns.inum), HP_ROLE_CREATOR, 0);
	if (sk->protocol == IPPROTO_UDP) {
		socket->cookie = bpf_get_socket_cookie(sk);
		hp_announce(0);
	}
}

/*
 * iter/task_file: a socket in a descriptor table. A listener belongs to the holder that started first,
 * from which the others have it. A connection that several hold belongs to none of them (no pid) until
 * one reads.
 */
static hp_always_inline void hp_on_seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct hp_socket *socket;
	struct hp_seed seed = {};
	struct socket *holder;
	struct sock *sk;
	__u16 protocol;
	__u8 state;

	if (!task || !file)
		return;
	holder = bpf_sock_from_file(file);
	if (!holder)
		return;
	sk = holder->sk;
	if (!sk)
		return;
	if (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6)
		return;
	protocol = sk->sk_protocol;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return;
	state = sk->__sk_common.skc_state;
	socket = bpf_sk_storage_get(&socket_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return;
	seed.cookie = (__u64)sk->__sk_common.skc_cookie.counter;
	hp_fill_owner(&seed.owner, task, BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id), hp_socket_netns(sk),
		      HP_ROLE_HOLDER,
		      protocol == IPPROTO_TCP && state == TCP_LISTEN ? HP_OWNER_LISTENING : 0);
	/* What was learned while it happened is better than what stands in a table. */
	if (!socket->owner.role) {
		socket->owner = seed.owner;
		socket->cookie = protocol == IPPROTO_UDP ? seed.cookie : 0;
	} else if (socket->owner.role == HP_ROLE_HOLDER && !(socket->owner.flags & HP_OWNER_READER) &&
		   socket->owner.start_ns != seed.owner.start_ns) {
		if (socket->owner.flags & HP_OWNER_LISTENING) {
			if (seed.owner.start_ns < socket->owner.start_ns)
				socket->owner = seed.owner;
		} else if (protocol == IPPROTO_TCP) {
			socket->owner.pid = 0;
		}
	}
	seed.fd = ctx->fd;
	seed.local_port = sk->__sk_common.skc_num;
	seed.protocol = (__u8)protocol;
	seed.state = state;
	bpf_seq_write(ctx->meta->seq, &seed, sizeof(seed));
}

#endif
