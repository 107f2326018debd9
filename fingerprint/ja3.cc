// SPDX-License-Identifier: Apache-2.0
#include "fingerprint/ja3.h"

#include "fingerprint/grease.h"

namespace handprint {
namespace {

// Decimal numbers joined by '-'.
class DashList {
 public:
  explicit DashList(Text& out) : out_(&out) {}
  void add(uint16_t value) {
    if (!first_) out_->put('-');
    first_ = false;
    out_->dec16(value);
  }

 private:
  Text* out_;
  bool first_ = true;
};

void add_without_grease(Bytes values, Text& out) {
  DashList list(out);
  for (uint16_t value : U16List(values))
    if (!is_grease(value)) list.add(value);
}

// What is written stays only if all of it fitted.
Reason finish(size_t start, Text& out) {
  if (!out.truncated()) return Reason::ok;
  out.rewind(start);
  return Reason::too_long;
}

template <class Hello, Reason (*write_string)(const Hello&, Text&)>
Reason write_md5(const Hello& hello, Workspace& workspace, Text& out) {
  Text string(workspace.text);
  if (Reason reason = write_string(hello, string); reason != Reason::ok) return reason;
  Md5 digest;
  if (!workspace.digests.md5(as_bytes(string.view()), digest)) return Reason::digest_unavailable;
  size_t start = out.size();
  out.hex(Bytes(digest));
  return finish(start, out);
}

}  // namespace

Reason write_ja3_string(const ClientHello& hello, Text& out) {
  if (!hello.complete || hello.sslv2) return Reason::no_fingerprint;
  size_t start = out.size();
  out.dec(hello.legacy_version);
  out.put(',');
  add_without_grease(hello.cipher_suites, out);
  out.put(',');
  DashList types(out);
  for (const Extension& extension : hello.extensions)
    if (!is_grease(extension.type)) types.add(extension.type);
  out.put(',');
  add_without_grease(hello.supported_groups, out);
  out.put(',');
  DashList formats(out);
  for (uint8_t format : hello.ec_point_formats) formats.add(format);
  return finish(start, out);
}

Reason write_ja3(const ClientHello& hello, Workspace& workspace, Text& out) {
  return write_md5<ClientHello, write_ja3_string>(hello, workspace, out);
}

Reason write_ja3s_string(const ServerHello& hello, Text& out) {
  if (!hello.complete) return Reason::no_fingerprint;
  size_t start = out.size();
  out.dec(hello.legacy_version);
  out.put(',');
  out.dec(hello.cipher_suite);
  out.put(',');
  DashList types(out);
  for (const Extension& extension : hello.extensions) types.add(extension.type);
  return finish(start, out);
}

Reason write_ja3s(const ServerHello& hello, Workspace& workspace, Text& out) {
  return write_md5<ServerHello, write_ja3s_string>(hello, workspace, out);
}

}  // namespace handprint
