// SPDX-License-Identifier: Apache-2.0
// The catalogue as a table, and docs/fields.md made from it.
#include <array>
#include <vector>

#include "record/field.h"

namespace handprint {
namespace {

std::string_view parent_of(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

struct Table {
  std::vector<Field> fields;
  std::vector<std::string> texts;  // of fingerprints, which the fields view

  Table() {
    texts.reserve(kind_count);
#define HP_FIELD(path, type, privacy, shown, parts, value, text) \
  fields.push_back({path, FieldType::type, Privacy::privacy, Shown::shown, Parts::parts, text});
#define HP_FINGERPRINTS(object) add_kinds(object);
#include "record/catalogue.def"
#undef HP_FIELD
#undef HP_FINGERPRINTS
  }

  void add_kinds(std::string_view object) {
    for (const KindRow& kind : kinds) {
      if (parent_of(kind.record_path) != object) continue;
      std::string text = "Fingerprint of kind `" + std::string(kind.name) + "`";
      if (!kind.prefix.empty()) text += ", behind `" + std::string(kind.prefix) + "`";
      text += "; an array where the flow has several";
      texts.push_back(std::move(text));
      fields.push_back({kind.record_path, FieldType::keyword, Privacy::technical, kind.shown,
                        Parts::every, texts.back()});
    }
  }
};

}  // namespace

std::string_view name(FieldType type) {
  switch (type) {
    case FieldType::keyword: return "keyword";
    case FieldType::keywords: return "keyword[]";
    case FieldType::ip: return "ip";
    case FieldType::date: return "date";
    case FieldType::number: return "long";
    case FieldType::boolean: return "boolean";
    case FieldType::object: return "object";
    case FieldType::objects: return "object[]";
  }
  return "";
}

std::string_view name(Privacy privacy) {
  switch (privacy) {
    case Privacy::technical: return "technical";
    case Privacy::identity: return "identity";
    case Privacy::address: return "address";
    case Privacy::service: return "service";
    case Privacy::content: return "content";
    case Privacy::process: return "process";
    case Privacy::arguments: return "arguments";
    case Privacy::user: return "user";
  }
  return "";
}

std::span<const Field> fields() {
  static const Table table;
  return table.fields;
}

std::string fields_reference() {
  std::string out =
      "# Fields of a record\n"
      "\n"
      "<!-- Generated from record/catalogue.def and fingerprint/kinds.def by `fields_doc`; a test\n"
      "     compares them. -->\n"
      "\n"
      "A record is one JSON object on one line. Names follow the Elastic Common Schema where it has\n"
      "one; what is ours stands under `handprint`. Objects are nested, and the order of the fields is\n"
      "always the one below. A field that is not known is left out; nothing is ever `null` or empty.\n"
      "\n"
      "- **Shown**: `always` in every record; `all` only with `fields: all` (`--fields all`).\n"
      "- **Parts**: a flow gives one record when all that is expected has come, or after a time-out,\n"
      "  and a further one for whatever comes later, with the same `event.id` and the next\n"
      "  `handprint.part`. `every` fields stand in later parts, too (the keys to join by, and what is\n"
      "  new); `first` fields only in the first.\n"
      "- **Privacy**: what a field can tell about somebody. `technical`: nothing; `identity`: which\n"
      "  host or agent; `address`: who talked to whom; `service`: which service was asked for;\n"
      "  `content`: what was asked of it; `process`: which program ran; `arguments`: with which\n"
      "  arguments; `user`: who ran it.\n"
      "- **Several fingerprints of one kind** in a flow (several requests of one connection) make an\n"
      "  array, in order of time; one stands alone.\n"
      "- **Bytes that are no text.** Names, headers and arguments are written as they were sent. A byte\n"
      "  XX that is no part of well-formed UTF-8 is written as the character U+EFXX of the private use\n"
      "  area (`\\uefXX`), and so is each byte of a character U+EF80 to U+EFFF. Reading U+EFXX as byte\n"
      "  XX gives back the original bytes, always. Control characters are escaped, U+007F to U+009F\n"
      "  included.\n"
      "\n";
  std::string_view group;
  for (const Field& field : fields()) {
    std::string_view top = field.path.substr(0, field.path.find('.'));
    if (top == field.path && top != "labels") top = "@timestamp";
    if (top == "handprint") {
      const std::string_view rest = field.path.substr(10);
      const size_t dot = rest.find('.');
      if (dot != std::string_view::npos) top = field.path.substr(0, 10 + dot);
    }
    if (top != group) {
      if (!group.empty()) out += '\n';
      out += "## " + std::string(top) +
             "\n\n| Field | Type | Shown | Parts | Privacy | Meaning |\n|---|---|---|---|---|---|\n";
      group = top;
    }
    out += "| `" + std::string(field.path) + "` | " + std::string(name(field.type)) + " | " +
           (field.shown == Shown::always ? "always" : "all") + " | " +
           (field.parts == Parts::every ? "every" : "first") + " | " +
           std::string(name(field.privacy)) + " | " + std::string(field.text) + " |\n";
  }
  return out;
}

}  // namespace handprint
