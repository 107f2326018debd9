// SPDX-License-Identifier: Apache-2.0
#include "record/pmercury_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fingerprint/kind.h"
#include "fingerprint/readable.h"
#include "record/json_text.h"
#include "record/readable_text.h"

namespace handprint {
namespace {

bool is_experimental(std::string_view name) {
  return name == "ssh" || name.starts_with("tls_certificate") || name.starts_with("tls_decrypt");
}

bool belongs(const Observation& seen, PmercuryShape shape) {
  const std::string_view name = row(seen.kind).pmercury_name;
  return !name.empty() && (shape.experimental || !is_experimental(name));
}

// Microseconds since 1970 as Python writes a float of seconds: no zeros at the end, but one digit.
void write_seconds(JsonText& json, int64_t wall_ns) {
  const bool negative = wall_ns < 0;
  const uint64_t micros =
      (negative ? -static_cast<uint64_t>(wall_ns) : static_cast<uint64_t>(wall_ns)) / 1000;
  if (negative && micros != 0) json.raw('-');
  json.number(micros / 1000000);
  std::array<char, 8> digits{};
  uint64_t rest = micros % 1000000;
  for (size_t i = 6; i-- > 0; rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  size_t size = 6;
  while (size > 1 && digits[size - 1] == '0') --size;
  json.raw('.');
  json.raw(std::string_view(digits.data(), size));
}

void write_ends(JsonText& json, const Document& document, Side side) {
  const Endpoint& from = side == Side::client ? document.client : document.server;
  const Endpoint& to = side == Side::client ? document.server : document.client;
  std::array<char, 64> room;
  for (const auto& [name, end] : {std::pair("src_ip", &from), std::pair("dst_ip", &to)}) {
    Text text(room);
    write(end->address, text);
    json.key(name);
    json.string(text.view());
  }
  json.key("src_port");
  json.number(from.port);
  json.key("dst_port");
  json.number(to.port);
  json.key("protocol");
  json.number(document.transport);
}

// What pmercury reports beside a fingerprint: {"server_name": …}, and of HTTP the headers that its
// configuration has under `context`.
struct Context {
  std::string_view name;
  std::array<std::pair<std::string_view, std::string_view>, 3> values;
  bool empty() const {
    return values[0].second.empty() && values[1].second.empty() && values[2].second.empty();
  }
};

std::string_view header(std::span<const HttpHeader> headers, std::string_view name) {
  for (const HttpHeader& each : headers)
    if (equal_ignoring_case(each.name, name)) return each.value;
  return {};
}

Context context_of(const Document& document, Kind kind) {
  Context out;
  if (kind == Kind::tls && document.tls_client) {
    out.name = "tls";
    out.values[0] = {"server_name", document.tls_client->server_name};
  } else if (kind == Kind::http && document.http_request) {
    out.name = "http";
    out.values = {{{"user_agent", document.http_request->user_agent},
                   {"host", document.http_request->host},
                   {"x_forwarded_for", header(document.http_request->headers, "x-forwarded-for")}}};
  } else if (kind == Kind::http_server && document.http_response) {
    out.name = "http_server";
    out.values[0] = {"via", header(document.http_response->headers, "via")};
  }
  return out;
}

void write_context(JsonText& json, const Context& context) {
  if (context.empty()) return;
  json.key(context.name);
  json.raw('{');
  for (const auto& [name, value] : context.values) {
    if (value.empty()) continue;
    json.key(name);
    json.string(value);
  }
  json.raw('}');
}

// The parts of a string as JSON; "" for one that cannot be read back.
std::string parts_of(const Observation& seen) {
  std::string out;
  auto read = read_fingerprint(seen.text, name(seen.kind));
  if (!read) return out;
  // pmercury has SSH's algorithms without where they come from.
  if (seen.kind == Kind::ssh || seen.kind == Kind::ssh_server)
    for (Readable& list : read->parts.items)
      for (Readable& item : list.items)
        if (item.form == Readable::Form::object) {
          Readable plain = std::move(item.items.front());
          item = std::move(plain);
        }
  write_readable_json(read->parts, out);
  return out;
}

void write_packet(const Document& document, const RecordContext& context, const Observation& seen,
                  PmercuryShape shape, std::string& out) {
  const std::string_view kind = row(seen.kind).pmercury_name;
  const std::string parts = shape.readable ? parts_of(seen) : std::string();
  JsonText json(out);
  json.raw('{');
  write_ends(json, document, seen.side);
  json.key("event_start");
  write_seconds(json, seen.time + context.wall_offset_ns);
  json.key("fingerprints");
  json.raw('{');
  json.key(kind);
  json.string(seen.text);
  json.raw('}');
  write_context(json, context_of(document, seen.kind));
  if (!parts.empty()) {
    json.key("readable");
    json.raw('{');
    json.key(kind);
    json.raw(parts);
    json.raw('}');
  }
  json.raw("}\n");
  json.done();
}

void write_flow(const Document& document, const RecordContext& context, PmercuryShape shape,
                std::string& out) {
  const Observation* first = nullptr;
  const Observation* last = nullptr;
  for (const Observation& seen : document.observations) {
    if (!belongs(seen, shape)) continue;
    if (first == nullptr || seen.time < first->time) first = &seen;
    if (last == nullptr || seen.time >= last->time) last = &seen;
  }
  if (first == nullptr) return;
  JsonText json(out);
  json.raw('{');
  write_ends(json, document, Side::client);
  json.key("event_start");
  write_seconds(json, first->time + context.wall_offset_ns);
  json.key("event_end");
  write_seconds(json, last->time + context.wall_offset_ns);
  json.key("fingerprints");
  json.raw('[');
  for (const Observation& seen : document.observations) {
    if (!belongs(seen, shape)) continue;
    json.comma();
    json.raw('{');
    json.key("event_start");
    write_seconds(json, seen.time + context.wall_offset_ns);
    json.key(row(seen.kind).pmercury_name);
    json.string(seen.text);
    if (shape.readable) {
      if (const std::string parts = parts_of(seen); !parts.empty()) {
        json.key("readable");
        json.raw(parts);
      }
    }
    json.raw('}');
  }
  json.raw(']');
  for (const Kind kind : {Kind::tls, Kind::http, Kind::http_server}) {
    const bool there = std::any_of(document.observations.begin(), document.observations.end(),
                                   [&](const Observation& seen) { return seen.kind == kind; });
    if (there) write_context(json, context_of(document, kind));
  }
  json.raw("}\n");
  json.done();
}

}  // namespace

void write_pmercury(const Document& document, const RecordContext& context, PmercuryShape shape,
                    std::string& out) {
  if (shape.flows) return write_flow(document, context, shape, out);
  for (const Observation& seen : document.observations)
    if (belongs(seen, shape)) write_packet(document, context, seen, shape, out);
}

}  // namespace handprint
