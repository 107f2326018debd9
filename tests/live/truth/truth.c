// SPDX-License-Identifier: Apache-2.0
#include "truth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;

_Noreturn void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

struct endpoint parse_endpoint(const char* text) {
  struct endpoint result = {0};
  char host[64];
  const char* colon = strrchr(text, ':');
  size_t length = colon ? (size_t)(colon - text) : 0;
  if (!colon || length == 0 || length >= sizeof host) {
    fprintf(stderr, "%s: not an address and port\n", text);
    exit(2);
  }
  uint16_t port = htons((uint16_t)atoi(colon + 1));
  memcpy(host, text, length);
  host[length] = 0;
  if (host[0] == '[' && host[length - 1] == ']') {
    struct sockaddr_in6* six = (struct sockaddr_in6*)&result.address;
    host[length - 1] = 0;
    six->sin6_family = AF_INET6;
    six->sin6_port = port;
    result.length = sizeof *six;
    if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1) return result;
  } else {
    struct sockaddr_in* four = (struct sockaddr_in*)&result.address;
    four->sin_family = AF_INET;
    four->sin_port = port;
    result.length = sizeof *four;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) return result;
  }
  fprintf(stderr, "%s: not an IP address\n", text);
  exit(2);
}

void truth_open(const char* path) {
  log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) fail(path);
}

static unsigned format_address(const struct sockaddr_storage* address, char* text, size_t size) {
  if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6* six = (const struct sockaddr_in6*)address;
    inet_ntop(AF_INET6, &six->sin6_addr, text, (socklen_t)size);
    return ntohs(six->sin6_port);
  }
  const struct sockaddr_in* four = (const struct sockaddr_in*)address;
  inet_ntop(AF_INET, &four->sin_addr, text, (socklen_t)size);
  return ntohs(four->sin_port);
}

// Start time in clock ticks after boot: field 22 of /proc/self/stat, counted behind the command
// name, which may hold spaces and brackets.
static unsigned long long start_ticks(void) {
  char text[1024];
  int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (got <= 0) return 0;
  text[got] = 0;
  char* at = strrchr(text, ')');
  for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, NULL, 10) : 0;
}

// Pid in the namespace of the /proc that is mounted: the host's, even for a process in a pid
// namespace of its own as long as it has not mounted another /proc.
static int host_pid(void) {
  char text[16];
  ssize_t got = readlink("/proc/self", text, sizeof text - 1);
  if (got <= 0) return (int)getpid();
  text[got] = 0;
  return atoi(text);
}

// Command name of the thread group leader: what names the process, whatever its threads are called.
static void leader_name(char* text, size_t size) {
  int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
  if (fd >= 0) close(fd);
  if (got < 1) got = 1;
  text[got - 1] = 0;
}

void truth_log(const struct truth* fact) {
  char line[2048], local[64] = "", peer[64] = "", executable[512] = "", name[32] = "";
  unsigned local_port = 0, peer_port = 0;
  struct sockaddr_storage address;
  if (log_fd < 0) return;
  if (fact->socket >= 0) {
    socklen_t length = sizeof address;
    if (getsockname(fact->socket, (struct sockaddr*)&address, &length) == 0)
      local_port = format_address(&address, local, sizeof local);
    length = sizeof address;
    if (getpeername(fact->socket, (struct sockaddr*)&address, &length) == 0)
      peer_port = format_address(&address, peer, sizeof peer);
  } else {
    if (fact->local) local_port = format_address(&fact->local->address, local, sizeof local);
    if (fact->peer) peer_port = format_address(&fact->peer->address, peer, sizeof peer);
  }
  ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[length < 0 ? 0 : length] = 0;
  // What the kernel puts behind the path of a file that has no name any more.
  char* behind = strrchr(executable, ' ');
  if (behind && strcmp(behind, " (deleted)") == 0) *behind = 0;
  leader_name(name, sizeof name);
  int size = snprintf(line, sizeof line,
                      "{\"role\":\"%s\",\"pid\":%d,\"local_ip\":\"%s\",\"local_port\":%u,"
                      "\"peer_ip\":\"%s\",\"peer_port\":%u,\"executable\":\"%s\",\"name\":\"%s\","
                      "\"start_ticks\":%llu,\"label\":\"%s\",\"sni\":\"%s\"}\n",
                      fact->role, host_pid(), local, local_port, peer, peer_port, executable, name,
                      start_ticks(), fact->label ? fact->label : "", fact->sni ? fact->sni : "");
  if (size > 0 && write(log_fd, line, (size_t)size) != size) fail("truth log");
}

void random_bytes(uint8_t* out, size_t size) {
  while (size) {
    ssize_t got = getrandom(out, size, 0);
    if (got < 0) fail("getrandom");
    out += got;
    size -= (size_t)got;
  }
}

// A growing message: all puts append at `at`, big-endian.
struct message {
  uint8_t* data;
  size_t at;
};

static void put8(struct message* m, unsigned value) { m->data[m->at++] = (uint8_t)value; }

static void put16(struct message* m, unsigned value) {
  put8(m, value >> 8);
  put8(m, value & 0xff);
}

static void put_random(struct message* m, size_t size) {
  random_bytes(m->data + m->at, size);
  m->at += size;
}

static void put_list16(struct message* m, const uint16_t* values, size_t count) {
  for (size_t i = 0; i < count; i++) put16(m, values[i]);
}

static void set16(struct message* m, size_t at, size_t value) {
  m->data[at] = (uint8_t)(value >> 8);
  m->data[at + 1] = (uint8_t)value;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

size_t build_client_hello(uint8_t* out, const char* sni, size_t size) {
  static const uint16_t ciphers[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                                     0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  static const uint16_t signatures[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806};
  struct message m = {out, 0};
  size_t name = strlen(sni);
  int large = size >= 1700;
  put8(&m, 22);
  put16(&m, 0x0301);
  put16(&m, 0);  // record length, set below
  put8(&m, 1);
  put8(&m, 0);
  put16(&m, 0);  // handshake length, set below
  put16(&m, 0x0303);
  put_random(&m, 32);
  put8(&m, 32);
  put_random(&m, 32);
  put16(&m, 2 * COUNT(ciphers));
  put_list16(&m, ciphers, COUNT(ciphers));
  put16(&m, 0x0100);  // one compression method: null
  size_t extensions = m.at;
  put16(&m, 0);
  put16(&m, 0), put16(&m, (unsigned)name + 5), put16(&m, (unsigned)name + 3), put8(&m, 0);
  put16(&m, (unsigned)name);
  memcpy(m.data + m.at, sni, name);
  m.at += name;
  put16(&m, 23), put16(&m, 0);                   // extended_master_secret
  put16(&m, 0xff01), put16(&m, 1), put8(&m, 0);  // renegotiation_info
  if (large) {                                   // supported_groups
    put16(&m, 10), put16(&m, 10), put16(&m, 8), put16(&m, 0x11ec);
  } else {
    put16(&m, 10), put16(&m, 8), put16(&m, 6);
  }
  put16(&m, 29), put16(&m, 23), put16(&m, 24);
  put16(&m, 11), put16(&m, 2), put16(&m, 0x0100);  // ec_point_formats
  put16(&m, 35), put16(&m, 0);                     // session_ticket
  put16(&m, 16), put16(&m, 14), put16(&m, 12);     // ALPN: h2, http/1.1
  memcpy(m.data + m.at, "\x02h2\x08http/1.1", 12);
  m.at += 12;
  put16(&m, 13), put16(&m, 2 + 2 * COUNT(signatures)), put16(&m, 2 * COUNT(signatures));
  put_list16(&m, signatures, COUNT(signatures));
  size_t share = large ? 1216 : 32;  // key_share
  put16(&m, 51), put16(&m, (unsigned)share + 6), put16(&m, (unsigned)share + 4);
  put16(&m, large ? 0x11ec : 29), put16(&m, (unsigned)share);
  put_random(&m, share);
  put16(&m, 45), put16(&m, 2), put16(&m, 0x0101);  // psk_key_exchange_modes
  put16(&m, 43), put16(&m, 5), put8(&m, 4), put16(&m, 0x0304), put16(&m, 0x0303);
  if (size < m.at + 4 || size > TRUTH_MAX_MESSAGE) {
    fprintf(stderr, "a ClientHello for %s takes %zu to %d bytes, not %zu\n", sni, m.at + 4,
            TRUTH_MAX_MESSAGE, size);
    exit(2);
  }
  size_t padding = size - m.at - 4;
  put16(&m, 21), put16(&m, (unsigned)padding);
  memset(m.data + m.at, 0, padding);
  m.at += padding;
  set16(&m, extensions, m.at - extensions - 2);
  set16(&m, 3, m.at - 5);
  set16(&m, 7, m.at - 9);
  return m.at;
}

size_t build_server_answer(uint8_t* out, const uint8_t* hello, size_t hello_size) {
  struct message m = {out, 0};
  put8(&m, 22), put16(&m, 0x0303), put16(&m, 0);
  put8(&m, 2), put8(&m, 0), put16(&m, 0), put16(&m, 0x0303);
  put_random(&m, 32);
  size_t session =
      hello_size > 44 && hello[43] <= 32 && hello_size >= 44u + hello[43] ? hello[43] : 0;
  put8(&m, (unsigned)session);
  if (session) memcpy(m.data + m.at, hello + 44, session);
  m.at += session;
  put16(&m, 0x1301), put8(&m, 0);
  put16(&m, 46);                                   // extensions
  put16(&m, 43), put16(&m, 2), put16(&m, 0x0304);  // supported_versions
  put16(&m, 51), put16(&m, 36), put16(&m, 29), put16(&m, 32);
  put_random(&m, 32);
  set16(&m, 3, m.at - 5);
  set16(&m, 7, m.at - 9);
  put8(&m, 20), put16(&m, 0x0303), put16(&m, 1), put8(&m, 1);
  put8(&m, 23), put16(&m, 0x0303), put16(&m, 64);
  put_random(&m, 64);
  return m.at;
}

int write_all(int fd, const void* data, size_t size) {
  const uint8_t* at = data;
  while (size) {
    ssize_t done = send(fd, at, size, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return 0;
    at += done;
    size -= (size_t)done;
  }
  return 1;
}

uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t now_ms(void) { return now_us() / 1000; }

void sleep_ms(unsigned milliseconds) {
  struct timespec rest = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
  while (nanosleep(&rest, &rest) < 0 && errno == EINTR) {
  }
}
