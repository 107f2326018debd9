// SPDX-License-Identifier: Apache-2.0
#include "record/readable_text.h"

#include "record/json_text.h"
#include "record/writer.h"

namespace handprint {
namespace {

void write_value(const Readable& value, JsonText& json) {
  switch (value.form) {
    case Readable::Form::text:
      json.string(value.text);
      break;
    case Readable::Form::number:
      json.number(value.number);
      break;
    case Readable::Form::list:
      json.raw('[');
      for (const Readable& item : value.items) {
        json.comma();
        write_value(item, json);
      }
      json.raw(']');
      break;
    case Readable::Form::object:
      json.raw('{');
      for (size_t i = 0; i < value.items.size(); ++i) {
        json.comma();
        json.string(value.keys[i]);
        json.raw(':');
        write_value(value.items[i], json);
      }
      json.raw('}');
      break;
  }
}

void member(std::string_view key, std::string_view value, JsonText& json) {
  json.comma();
  json.string(key);
  json.raw(':');
  json.string(value);
}

bool is_scalar(const Readable& value) {
  return value.form == Readable::Form::text || value.form == Readable::Form::number;
}

void write_scalar(const Readable& value, std::string& out) {
  if (value.form == Readable::Form::number)
    out += std::to_string(value.number);
  else
    write_terminal_text(value.text, out);
}

// Each item on a line of its own, `indent` blanks in.
void write_items(const Readable& value, size_t indent, std::string& out) {
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Readable& item = value.items[i];
    if (value.form == Readable::Form::list && item.form == Readable::Form::object) {
      write_items(item, indent, out);
      continue;
    }
    out.append(indent, ' ');
    if (value.form == Readable::Form::object) {
      write_terminal_text(value.keys[i], out);
      if (is_scalar(item) && !(item.form == Readable::Form::text && item.text.empty())) out += ": ";
    }
    if (is_scalar(item)) {
      write_scalar(item, out);
      out += '\n';
    } else {
      out += item.items.empty() ? ": none\n" : ":\n";
      write_items(item, indent + 2, out);
    }
  }
}

}  // namespace

void write_readable_json(const Readable& value, std::string& out) {
  JsonText json(out);
  write_value(value, json);
  json.done();
}

void write_readable_json(const ReadableFingerprint& fingerprint, std::string& out) {
  JsonText json(out);
  json.raw('{');
  member("kind", fingerprint.kind, json);
  json.raw(",\"parts\":");
  write_value(fingerprint.parts, json);
  if (fingerprint.implemented.earliest.year != 0) {
    member("min_implementation_date", month_text(fingerprint.implemented.earliest), json);
    member("max_implementation_date", month_text(fingerprint.implemented.latest), json);
  }
  json.raw(",\"named\":");
  json.number(fingerprint.named);
  json.raw(",\"unknown\":");
  json.number(fingerprint.unknown);
  json.raw('}');
  json.done();
}

void write_readable_lines(const ReadableFingerprint& fingerprint, std::string& out) {
  out += "kind: ";
  out += fingerprint.kind;
  out += '\n';
  write_items(fingerprint.parts, 0, out);
  if (fingerprint.implemented.earliest.year == 0) return;
  out += "min_implementation_date: " + month_text(fingerprint.implemented.earliest) + '\n';
  out += "max_implementation_date: " + month_text(fingerprint.implemented.latest) + '\n';
}

}  // namespace handprint
