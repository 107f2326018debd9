/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses the ring buffers, seen alike by the kernel side and by user space. Only fixed-width
 * types, no implicit padding; every layout is asserted below. Integers are in host byte order
 * unless a comment says otherwise; addresses and ports travel inside the copied packet headers.
 *
 * Two rings: packets (struct hp_packet) and processes (struct hp_process). A flood of the first
 * cannot starve the second.
 */
#ifndef HP_WIRE_H
#define HP_WIRE_H

#ifndef HP_BPF
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define HP_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define HP_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#define HP_WIRE_VERSION 1

enum hp_record {
	HP_RECORD_PACKET = 1,	/* struct hp_packet, ring "packets" */
	HP_RECORD_PROCESS = 2,	/* struct hp_process, ring "processes": an exec, or first sight of a socket owner */
	HP_RECORD_OWNER = 3,	/* struct hp_owner_event, ring "processes": a socket got (another) owner */
};

enum hp_hook {
	HP_HOOK_NONE = 0,
	HP_HOOK_TC = 1,
	HP_HOOK_CGROUP = 2,
	HP_HOOK_XDP = 3,
};

enum hp_direction {
	HP_INGRESS = 0,
	HP_EGRESS = 1,
};

/* What the selector took a packet for. Values are stable: they stand in captures of the ring. */
enum hp_content {
	HP_CONTENT_NONE = 0,
	HP_CONTENT_SYN = 1,
	HP_CONTENT_SYN_ACK = 2,
	HP_CONTENT_UNDECIDED = 3,	/* start of a stream, too few bytes to name it */
	HP_CONTENT_TLS_CLIENT = 4,
	HP_CONTENT_TLS_SERVER = 5,
	HP_CONTENT_TLS_ALERT = 6,
	HP_CONTENT_HTTP_REQUEST = 7,
	HP_CONTENT_HTTP_RESPONSE = 8,
	HP_CONTENT_HTTP2 = 9,
	HP_CONTENT_SSH = 10,
	HP_CONTENT_QUIC = 11,
	HP_CONTENT_DTLS = 12,
	HP_CONTENT_OTHER = 13,		/* the first bytes of a stream that is none of these: for naming only */
	HP_CONTENT_STREAM = 14,		/* copied because the policy takes whole streams */
	HP_CONTENT_PREFIX = 15,		/* of a proxy, or before both sides agree on TLS: a hello comes later */
	HP_CONTENT_COUNT
};

/* How the kernel came to know the owner of a socket. */
enum hp_role {
	HP_ROLE_NONE = 0,
	HP_ROLE_CLIENT = 1,	/* called connect() */
	HP_ROLE_LISTENER = 2,	/* called listen(); accepted children inherit it */
	HP_ROLE_WORKER = 3,	/* read from an accepted connection */
	HP_ROLE_CREATOR = 4,	/* created the socket (UDP, and kernels without tracing storage) */
	HP_ROLE_HOLDER = 5,	/* held the descriptor when the agent started */
};

#define HP_OWNER_KERNEL 0x01	/* a kernel thread's socket */
#define HP_OWNER_LISTENING 0x02	/* HP_ROLE_HOLDER or _CREATOR of a listening socket, or inherited from one */
#define HP_OWNER_READER 0x04	/* HP_ROLE_HOLDER that was seen to read, which counts more than holding */

struct hp_owner {
	__u64 start_ns;		/* boot clock of the thread group leader's start */
	__u64 cgroup_id;	/* cgroup v2 id of the process, 0 if unknown */
	__u32 pid;		/* thread group, initial pid namespace; 0 = no owner known */
	__u32 uid;		/* initial user namespace */
	__u32 netns;		/* inode number of the network namespace */
	__u8 role;		/* enum hp_role */
	__u8 flags;		/* HP_OWNER_* */
	__u16 reserved;
	char comm[16];		/* of the thread group leader, not of the thread */
};
HP_STATIC_ASSERT(sizeof(struct hp_owner) == 48, "hp_owner layout");

/*
 * Socket-local storage (map "socket_owners"). Two owners, each written once before it can be seen, so
 * that a reader on another CPU never sees half of one and half of the other. A child that is accepted
 * inherits `owner` of its listener.
 */
struct hp_socket {
	struct hp_owner owner;	/* who connected, listens, created or held it */
	struct hp_owner worker;	/* who first read from it, once has_worker is set */
	__u64 cookie;		/* of UDP sockets */
	__u32 has_worker;
	__u32 reserved;
};
HP_STATIC_ASSERT(sizeof(struct hp_socket) == 112, "hp_socket layout");

#define HP_PACKET_TRUNCATED 0x0001	/* fewer payload bytes were copied than selected (load failed part way) */
#define HP_PACKET_L2 0x0002		/* the headers begin with layer 2 (l2_len > 0) */
#define HP_PACKET_PEER_LOCAL 0x0004	/* `peer` names the sending process: both ends are on this host */
#define HP_PACKET_SYN_LATE 0x0008	/* syn_len bytes of a rate-limited SYN come first; syn_time_ns is its time */
#define HP_PACKET_NO_WINDOW 0x0010	/* found by content: no SYN was seen for this direction */
#define HP_PACKET_NO_VLAN_IN_FRAME 0x0020 /* vlan_tci came from the skb, not from the frame */
#define HP_PACKET_SOCKET 0x0040		/* socket_* differ from the packet's own addresses and ports */
#define HP_PACKET_SIGHTING 0x0080	/* SYN or SYN+ACK of a socket that the cgroup hook copies as well: headers only */

#define HP_MAX_HEADERS 256	/* layer 2 to 4 headers of one packet, and of a stashed SYN */
#define HP_MAX_COPY 16384	/* payload bytes of one record */

/*
 * One selected packet. Behind the struct: syn_len bytes (layer 3 and 4 headers of the late SYN),
 * header_len bytes (layer 2 if l2_len, layer 3, layer 4 with all options), copy_len bytes of
 * payload beginning copy_off bytes into the segment's payload.
 */
struct hp_packet {
	__u8 version;		/* HP_WIRE_VERSION */
	__u8 record;		/* HP_RECORD_PACKET */
	__u8 hook;		/* enum hp_hook */
	__u8 direction;		/* enum hp_direction */
	__u8 content;		/* enum hp_content */
	__u8 l2_len;		/* bytes of layer 2 at the start of the headers */
	__u16 flags;		/* HP_PACKET_* */
	__u64 time_ns;		/* boot clock */
	__u64 syn_time_ns;	/* of the late SYN, else 0 */
	__u64 cookie;		/* local socket's cookie, 0 if none */
	__u32 cpu;
	__u32 sequence;		/* counts records of this ring on this CPU: a jump forward is a loss (an interrupted program may give a number twice) */
	__u32 ifindex;
	__u32 frame_len;	/* as on the wire (or skb->len) */
	__u32 payload_len;	/* layer 4 payload of the segment, by the IP header bounded by the frame */
	__u32 copy_off;
	__u32 copy_len;
	__u16 header_len;
	__u16 syn_len;
	__u16 vlan_tci;		/* outer tag when it was offloaded, with HP_PACKET_NO_VLAN_IN_FRAME */
	__u8 peer_role;		/* enum hp_role of the sending process: a listener's SYN+ACK is not its worker's */
	__u8 peer_flags;	/* HP_OWNER_* of it */
	__u32 peer_pid;		/* sending process when HP_PACKET_PEER_LOCAL */
	struct hp_owner owner;	/* of the local socket */
	__u32 checksum;		/* over the payload copy, only when config.checksum asks for it; else 0 */
	__u32 reserved2;
	__u64 peer_start_ns;	/* as hp_owner.start_ns: pid and start together name a process */
	/*
	 * With HP_PACKET_SOCKET: what the sending socket takes for its own address and its peer's, where
	 * the packet was translated on its way here (egress). Else of no meaning.
	 */
	__u8 socket_local[16];	/* network order; IPv4 as ::ffff:a.b.c.d */
	__u8 socket_remote[16];
	__u16 socket_local_port;	/* network order */
	__u16 socket_remote_port;
	__u32 reserved3;
};
HP_STATIC_ASSERT(sizeof(struct hp_packet) == 176, "hp_packet layout");

#define HP_PATH_MAX 512		/* executable path, absolute, without a NUL */
#define HP_ARGS_MAX 1024	/* command line as in memory: arguments separated by NUL */

/* A process: at exec, or when a process that was not seen to exec first owns a socket. */
struct hp_process {
	__u8 version;
	__u8 record;		/* HP_RECORD_PROCESS */
	__u8 exec;		/* 1: emitted at exec; 0: at a socket's first sight */
	__u8 path_complete;	/* 0: the path is cut or unknown */
	__u32 sequence;
	__u64 time_ns;
	__u64 start_ns;		/* boot clock of the thread group leader's start */
	__u64 cgroup_id;
	__u32 pid;
	__u32 parent_pid;
	__u32 uid;
	__u32 gid;
	__u32 userns;		/* inode number: user names mean something only in the host's own */
	__u32 mntns;		/* inode number: the path is of this mount namespace */
	__u16 path_len;		/* bytes of the path that follow the struct */
	__u16 args_len;		/* bytes of the command line that follow the path */
	__u32 exe_dev;		/* device (as in stat's st_dev) and inode of the executable, 0 if unknown */
	__u64 exe_inode;
	char comm[16];
};
HP_STATIC_ASSERT(sizeof(struct hp_process) == 88, "hp_process layout");

/* A socket's owner changed after packets of it were already emitted (a worker's first read). */
struct hp_owner_event {
	__u8 version;
	__u8 record;		/* HP_RECORD_OWNER */
	__u8 family;		/* AF_INET or AF_INET6 */
	__u8 protocol;		/* IPPROTO_TCP or IPPROTO_UDP */
	__u32 sequence;
	__u64 time_ns;
	__u64 cookie;
	__u8 local_address[16];	/* network order; IPv4 as ::ffff:a.b.c.d */
	__u8 remote_address[16];
	__u16 local_port;	/* host order */
	__u16 remote_port;	/* host order */
	__u32 reserved;
	struct hp_owner owner;
};
HP_STATIC_ASSERT(sizeof(struct hp_owner_event) == 112, "hp_owner_event layout");

/*
 * What the program seed_sockets (iter/task_file) writes for each TCP and UDP socket that it finds in a
 * descriptor table, back to back: the file descriptor of the iterator is read until it ends. The
 * sockets are owned in the kernel by then; user space learns here which processes to look up.
 */
struct hp_seed {
	__u64 cookie;		/* of the socket, 0 if it never got one */
	__u32 fd;		/* in the table of owner.pid */
	__u16 local_port;	/* host order */
	__u8 protocol;		/* IPPROTO_TCP or IPPROTO_UDP */
	__u8 state;		/* TCP state number; 10 = LISTEN */
	struct hp_owner owner;	/* the process whose table this is: the first one found becomes the holder */
};
HP_STATIC_ASSERT(sizeof(struct hp_seed) == 64, "hp_seed layout");

/*
 * Counters, one array entry a CPU. The books: what the selector chose became a record or is in exactly
 * one of the losses,
 *   selected = emitted + syn_stashed + lost_ring + lost_rate + lost_load + own + left_to_cgroup.
 * A stashed SYN is not lost when syn_late counts it: it travels with the first payload's record.
 */
enum hp_counter {
	HP_COUNT_PACKETS,		/* packets the programs saw */
	HP_COUNT_SELECTED,		/* chosen by the selector */
	HP_COUNT_EMITTED,		/* became records */
	HP_COUNT_SYN_STASHED,		/* SYNs over the rate: kept in the slot, emitted with the first payload */
	HP_COUNT_SYN_LATE,		/* stashed SYNs that were emitted */
	HP_COUNT_LOST_RING,		/* ring buffer full */
	HP_COUNT_LOST_RING_PROCESS,	/* process ring full */
	HP_COUNT_LOST_RATE,		/* hello over its rate */
	HP_COUNT_LOST_LOAD,		/* bytes of the packet could not be read */
	HP_COUNT_SLOT_EVICTED,		/* a live window gave way to a newer one */
	HP_COUNT_FRAGMENT,		/* later IP fragments: without ports, not looked at */
	HP_COUNT_PARSE,			/* headers cut or malformed */
	HP_COUNT_OWN,			/* packets of the agent's own connections, left out */
	HP_COUNT_LEFT_TO_CGROUP,	/* of sockets of this host, seen at tc: the cgroup hook copies them */
	HP_COUNT_SAMPLED_OUT,		/* packets of flows that sampling leaves out: never selected */
	HP_COUNT_MAX
};

/* Configuration that reload may change: one entry of an array map. */
struct hp_policy {
	__u32 undecided_limit;	/* bytes from the start of a stream that are copied until it is named */
	__u32 hello_limit;	/* largest TLS hello */
	__u32 http_limit;	/* largest HTTP header block */
	__u32 certificate_limit;/* bytes from a hello on under HP_MODE_CERTIFICATES */
	__u8 mode;		/* enum hp_mode */
	__u8 segments;		/* packets a window may copy */
	__u8 datagrams;		/* QUIC Initials a direction */
	__u8 requests;		/* HTTP messages a direction, 0 = all */
};
HP_STATIC_ASSERT(sizeof(struct hp_policy) == 20, "hp_policy layout");

enum hp_mode {
	HP_MODE_HELLO = 0,
	HP_MODE_CERTIFICATES = 1,
	HP_MODE_STREAM = 2,
};

struct hp_config {
	struct hp_policy policy;
	__u32 hash_seed;
	__u64 test_time_ns;	/* not 0: the clock of the equivalence test */
	__u32 syn_rate;		/* SYN records a second and CPU, 0 = no limit */
	__u32 hello_rate;	/* other records a second and CPU, 0 = no limit */
	__u32 agent_pid;	/* its connections are left out and counted; 0 = none */
	__u8 checksum;		/* 1: hp_packet.checksum is filled (test of torn records) */
	__u8 disabled;		/* 1: programs return at once */
	__u8 with_cgroup;	/* 1: the cgroup hook runs beside tc and copies what has a local socket */
	__u8 sample_shift;	/* one flow of 2^sample_shift is looked at, 0 = all; at most 15 */
	__u32 wakeup_bytes;	/* pending ring bytes from which the reader is woken */
	__u32 reserved2;
};
HP_STATIC_ASSERT(sizeof(struct hp_config) == 56, "hp_config layout");

#endif
