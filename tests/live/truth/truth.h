// SPDX-License-Identifier: Apache-2.0
// What the truth programs of the live tests share: the log in which each process states what it
// is, and handshake messages that are valid enough for every parser.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// Longest message that the builders below make: one whole TLS record (RFC 8446 section 5.1).
#define TRUTH_MAX_MESSAGE (5 + 16384)

struct endpoint {
  struct sockaddr_storage address;
  socklen_t length;
};

// One line of the log. Strings may be NULL. Addresses are those of the socket in this process.
struct truth {
  const char* role;              // client, worker, listener, raw
  const char* label;             // which test row this belongs to
  const char* sni;               // server name that was sent, if any
  int socket;                    // descriptor whose two addresses are logged, or -1
  const struct endpoint* local;  // used where socket is -1
  const struct endpoint* peer;
};

// Ends the program with a message and the text of errno. Never returns.
_Noreturn void fail(const char* what);

// Reads "1.2.3.4:80" or "[fe80::1]:80". Ends the program on anything else.
struct endpoint parse_endpoint(const char* text);

// Opens the truth log for appending; every later truth_log writes one JSON line by one write(2),
// so that lines of many processes do not mix. The descriptor survives fork, not exec.
void truth_open(const char* path);
void truth_log(const struct truth* fact);

// Fills `size` bytes from the kernel's random source.
void random_bytes(uint8_t* out, size_t size);

// Builds one TLS record with a ClientHello (RFC 8446 section 4.1.2) that names `sni`, padded to
// exactly `size` bytes (padding extension, RFC 7685). From 1,700 bytes on, the key share is
// X25519MLKEM768 with its 1,216 bytes, as in today's browsers. `out` holds TRUTH_MAX_MESSAGE.
// Random, session id and key share are fresh. A size that cannot be met ends the program.
size_t build_client_hello(uint8_t* out, const char* sni, size_t size);

// Builds a ServerHello for TLS 1.3 that echoes the session id of `hello`, then ChangeCipherSpec
// and a record that looks like encrypted data. `out` holds TRUTH_MAX_MESSAGE.
size_t build_server_answer(uint8_t* out, const uint8_t* hello, size_t hello_size);

// Writes all bytes; false if the peer is gone.
int write_all(int fd, const void* data, size_t size);

// Milliseconds and microseconds of CLOCK_MONOTONIC, and a sleep that signals do not cut short.
uint64_t now_ms(void);
uint64_t now_us(void);
void sleep_ms(unsigned milliseconds);
