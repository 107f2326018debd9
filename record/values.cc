// SPDX-License-Identifier: Apache-2.0
#include "record/values.h"

#include <array>

#include "fingerprint/quic_packet.h"
#include "fingerprint/text.h"
#include "record/quic_names.h"
#include "record/tls_names.h"
#include "record/writer.h"

namespace handprint {
namespace {

// Text made by ourselves: nothing in it needs an escape.
void put_plain(JsonText& json, std::string_view text) {
  json.raw('"');
  json.raw(text);
  json.raw('"');
}

void put_code(JsonText& json, std::string_view name, uint16_t code) {
  if (!name.empty()) return put_plain(json, name);
  const std::array<uint8_t, 2> bytes{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code)};
  json.raw("\"unknown(0x");
  json.hex(bytes.data(), bytes.size());
  json.raw(")\"");
}

std::string_view hook_name(uint8_t hook) {
  switch (hook) {
    case HP_HOOK_TC: return "tc";
    case HP_HOOK_CGROUP: return "cgroup";
    case HP_HOOK_XDP: return "xdp";
    default: return "";
  }
}

}  // namespace

void put(JsonText& json, const Instant& value) {
  char* to = json.take(timestamp_size + 2);
  to[0] = '"';
  write_timestamp(value.ns, std::span<char, timestamp_size>(to + 1, timestamp_size));
  to[timestamp_size + 1] = '"';
}

void put(JsonText& json, const Address& value) {
  std::array<char, 64> room;
  Text text(room);
  write(value, text);
  put_plain(json, text.view());
}

void put(JsonText& json, const MacText& value) {
  std::array<char, 32> room;
  Text text(room);
  write(Mac{*value.bytes, true}, text);
  put_plain(json, text.view());
}

void put(JsonText& json, const HexText& value) {
  json.raw('"');
  json.hex(value.bytes.data(), value.bytes.size());
  json.raw('"');
}

void put(JsonText& json, const LowerText& value) {
  std::array<char, 32> room;
  const size_t size = value.text.size() < room.size() ? value.text.size() : room.size();
  for (size_t i = 0; i < size; ++i) {
    const char c = value.text[i];
    room[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  json.string({room.data(), size});
}

void put(JsonText& json, const NumberText& value) {
  json.raw('"');
  json.number(*value.value);
  json.raw('"');
}

void put(JsonText& json, const CodeText& value) { put_code(json, value.name(value.code), value.code); }

void put(JsonText& json, const CodeList& value) {
  json.raw('[');
  for (uint16_t code : value.codes) {
    if (!value.grease && is_grease(code)) continue;
    json.comma();
    put_code(json, value.name(code), code);
  }
  json.raw(']');
}

void put(JsonText& json, const MonthText& value) {
  std::array<char, 8> room;
  Text text(room);
  text.dec(value.month.year);
  text.put('-');
  text.dec2(value.month.month);
  put_plain(json, text.view());
}

void put(JsonText& json, const QuicVersionText& value) {
  std::array<char, 32> room;
  Text text(room);
  write_quic_version(*value.number, text);
  put_plain(json, text.view());
}

void put(JsonText& json, const QuicParameterList& value) {
  json.raw('[');
  for (uint64_t id : value.ids) {
    json.comma();
    if (const std::string_view name = quic_parameter_name(id); !name.empty()) {
      put_plain(json, name);
      continue;
    }
    std::array<uint8_t, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(id >> (56 - 8 * i));
    size_t first = 0;
    while (first < bytes.size() - 1 && bytes[first] == 0) ++first;
    json.raw("\"unknown(0x");
    json.hex(bytes.data() + first, bytes.size() - first);
    json.raw(")\"");
  }
  json.raw(']');
}

void put(JsonText& json, const CommaList& value) {
  std::string_view rest = value.names;
  json.raw('[');
  for (;;) {
    const size_t comma = rest.find(',');
    json.comma();
    json.string(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  json.raw(']');
}

void put(JsonText& json, const JoinedText& value) {
  json.raw('"');
  bool first = true;
  for (const std::string& piece : *value.pieces) {
    if (!first) json.raw(' ');
    first = false;
    json.escaped(piece);
  }
  json.raw('"');
}

void put(JsonText& json, const TextList& value) {
  json.raw('[');
  for (const std::string& piece : *value.pieces) {
    json.comma();
    json.string(piece);
  }
  json.raw(']');
}

void put(JsonText& json, const EventTypes& value) {
  json.raw(value.protocol ? std::string_view("[\"connection\",\"protocol\"]")
                          : std::string_view("[\"connection\"]"));
}

void put(JsonText& json, const CommunityText& value) {
  const Document& d = *value.document;
  char* to = json.take(community_id_size + 2);
  to[0] = '"';
  community_id(d.client.address, d.client.port, d.server.address, d.server.port, d.transport,
               std::span<char, community_id_size>(to + 1, community_id_size));
  to[community_id_size + 1] = '"';
}

void put(JsonText& json, const ObservedList& value) {
  json.raw('[');
  for (const ObservedPoint& point : value.points) {
    json.comma();
    json.raw('{');
    const std::string name = interface_text(*value.context, point.interface);
    if (!name.empty()) {
      json.raw("\"interface\":");
      json.string(name);
    } else {
      json.raw("\"index\":");
      json.number(point.interface);
    }
    if (const std::string_view hook = hook_name(point.hook); !hook.empty()) {
      json.raw(",\"hook\":");
      put_plain(json, hook);
      json.raw(",\"direction\":");
      put_plain(json, point.direction == HP_EGRESS ? "egress" : "ingress");
    }
    json.raw(",\"packets\":");
    json.number(point.packets);
    json.raw('}');
  }
  json.raw(']');
}

void put(JsonText& json, const LabelObject& value) {
  const auto key_of = [](std::string_view label) { return label.substr(0, label.find('=')); };
  const std::vector<std::string>& labels = *value.labels;
  json.raw('{');
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string_view label = labels[i], key = key_of(label);
    // An object holds a key once: of several labels with one key the last counts.
    bool again = false;
    for (size_t j = i + 1; j < labels.size(); ++j) again = again || key_of(labels[j]) == key;
    if (again) continue;
    json.comma();
    json.string(key);
    json.raw(':');
    json.string(key.size() < label.size() ? label.substr(key.size() + 1) : std::string_view());
  }
  json.raw('}');
}

void put(JsonText& json, std::span<const std::string_view> value) {
  json.raw('[');
  for (std::string_view text : value) {
    json.comma();
    json.string(text);
  }
  json.raw(']');
}

void put(JsonText& json, std::span<const IncompleteFact> value) {
  json.raw('[');
  for (const IncompleteFact& fact : value) {
    json.comma();
    json.raw('"');
    json.escaped(fact.what);
    json.raw(": ");
    json.raw(name(fact.reason));
    json.raw('"');
  }
  json.raw(']');
}

void put(JsonText& json, std::span<const TlsAlert> value) {
  json.raw('[');
  for (const TlsAlert& alert : value) {
    json.comma();
    json.raw(alert.side == Side::client ? std::string_view("\"client: ")
                                        : std::string_view("\"server: "));
    json.raw(alert.level == 1   ? std::string_view("warning ")
             : alert.level == 2 ? std::string_view("fatal ")
                                : std::string_view("level? "));
    if (const std::string_view name = tls_alert_name(alert.description); !name.empty()) {
      json.raw(name);
    } else {
      json.raw("alert ");
      json.number(alert.description);
    }
    json.raw('"');
  }
  json.raw(']');
}

}  // namespace handprint
