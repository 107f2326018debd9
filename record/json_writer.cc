// SPDX-License-Identifier: Apache-2.0
// write_json: the catalogue's rows become straight-line code. Which objects are opened and closed
// between two fields follows from a tree that is computed from the paths at compile time.
#include <array>
#include <cstring>

#include "record/facts.h"
#include "record/field.h"
#include "record/json_text.h"
#include "record/values.h"
#include "record/writer.h"

namespace handprint {
namespace {

// A row of the catalogue as this file needs it.
struct Row {
  std::string_view path;
  Shown shown = Shown::always;
  Parts parts = Parts::every;
};

constexpr auto rows = std::to_array<Row>({
#define HP_FIELD(path, type, privacy, shown, parts, value, text) \
  {path, Shown::shown, Parts::parts},
#define HP_FINGERPRINTS(object) {object ".", Shown::always, Parts::every},
#include "record/catalogue.def"
#undef HP_FIELD
#undef HP_FINGERPRINTS
});

constexpr std::string_view parent_of(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}
constexpr std::string_view last_of(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

// `,"key":` in room for a copy of fixed size.
struct Key {
  std::array<char, JsonText::slack + 1> text{};
  uint8_t size = 0;

  constexpr Key() = default;
  constexpr Key(std::string_view key, std::string_view behind) {
    text[size++] = ',';
    text[size++] = '"';
    for (char c : key) text[size++] = c;
    for (char c : behind) text[size++] = c;
  }
};

constexpr size_t max_depth = 5;
using Node = uint8_t;

// The objects of a document, in order of first use; number 0 is the document itself.
struct Tree {
  struct Object {
    std::string_view path;
    Node parent = 0;
    uint8_t depth = 0;
    std::array<Node, max_depth + 1> chain{};  // from the document down to the object itself
    Key opening;
  };
  std::array<Object, 96> objects{};
  size_t size = 1;
  std::array<Node, rows.size()> of_row{};  // the object that holds a row's field

  constexpr Node find(std::string_view path) {
    for (size_t i = 0; i < size; ++i)
      if (objects[i].path == path) return static_cast<Node>(i);
    const Node parent = find(parent_of(path));
    Object& object = objects[size];
    object.path = path;
    object.parent = parent;
    object.depth = static_cast<uint8_t>(objects[parent].depth + 1);
    object.chain = objects[parent].chain;
    object.chain[object.depth] = static_cast<Node>(size);
    object.opening = Key(last_of(path), "\":{");
    return static_cast<Node>(size++);
  }
  constexpr Tree() {
    for (size_t i = 0; i < rows.size(); ++i) of_row[i] = find(parent_of(rows[i].path));
  }
};
constexpr Tree tree;

constexpr std::array<Key, rows.size()> row_keys = [] {
  std::array<Key, rows.size()> keys;
  for (size_t i = 0; i < rows.size(); ++i) keys[i] = Key(last_of(rows[i].path), "\":");
  return keys;
}();

// Leaving an object for good and coming back would put its key twice into the document.
constexpr bool objects_stand_together() {
  std::array<bool, tree.objects.size()> closed{};
  Node at = 0;
  for (Node next : tree.of_row) {
    const auto& chain = tree.objects[next].chain;
    while (chain[tree.objects[at].depth] != at) {
      closed[at] = true;
      at = tree.objects[at].parent;
    }
    for (size_t depth = 0; depth <= tree.objects[next].depth; ++depth)
      if (closed[chain[depth]]) return false;
    at = next;
  }
  return true;
}
static_assert(objects_stand_together(), "catalogue.def: the fields of an object must stand together");

constexpr bool every_kind_has_a_place() {
  for (const KindRow& kind : kinds) {
    size_t places = 0;
    for (const Row& row : rows)
      places += row.path.ends_with('.') && parent_of(row.path) == parent_of(kind.record_path);
    if (places != 1) return false;
  }
  return true;
}
static_assert(every_kind_has_a_place(),
              "each record path of kinds.def needs one HP_FINGERPRINTS row in catalogue.def");

constexpr std::array<Key, kind_count> kind_keys = [] {
  std::array<Key, kind_count> keys;
  for (size_t i = 0; i < kind_count; ++i) keys[i] = Key(last_of(kinds[i].record_path), "\":");
  return keys;
}();

class Writer {
 public:
  Writer(const Facts& facts, std::string& out) : f_(facts), json_(out) {
    const auto& seen = facts.document().observations;
    for (size_t i = 0; i < seen.size(); ++i) {
      Seen& kind = seen_[static_cast<size_t>(seen[i].kind)];
      if (kind.count++ == 0) kind.first = static_cast<uint32_t>(i);
    }
  }

  // A row's field, unless its value is absent.
  template <size_t row, class Value>
  void field(const Value& value) {
    if (!present(value)) return;
    enter(tree.of_row[row], row_keys[row]);
    put(json_, value);
  }

  // True when the row belongs into this document at all.
  template <size_t row>
  bool wanted() const {
    if constexpr (rows[row].shown == Shown::all)
      if (!f_.all_fields()) return false;
    if constexpr (rows[row].parts == Parts::first)
      if (!f_.first_part()) return false;
    return true;
  }

  // The strings of all kinds whose place is this object.
  template <size_t row>
  void fingerprints() {
    constexpr auto here = [] {
      std::array<bool, kind_count> result{};
      for (size_t kind = 0; kind < kind_count; ++kind)
        result[kind] = parent_of(kinds[kind].record_path) == parent_of(rows[row].path);
      return result;
    }();
    for (size_t kind = 0; kind < kind_count; ++kind) {
      if (!here[kind] || (kinds[kind].shown == Shown::all && !f_.all_fields())) continue;
      strings(static_cast<Kind>(kind), tree.of_row[row]);
    }
  }

  void finish() {
    json_.replace_first('{');  // the comma in front of the first field
    while (at_ != 0) leave();
    json_.raw('}');
    json_.raw('\n');
    json_.done();
  }

 private:
  // One string as it is, several as an array in the order of their being seen.
  void strings(Kind kind, Node object) {
    const Seen& seen = seen_[static_cast<size_t>(kind)];
    if (seen.count == 0) return;
    enter(object, kind_keys[static_cast<size_t>(kind)]);
    const auto all = f_.document().observations.subspan(seen.first);
    if (seen.count == 1) return string(all.front());
    json_.raw('[');
    for (const Observation& one : all) {
      if (one.kind != kind) continue;
      json_.comma();
      string(one);
    }
    json_.raw(']');
  }
  void string(const Observation& one) {
    json_.raw('"');
    json_.raw(handprint::row(one.kind).prefix);
    json_.escaped(one.text);
    json_.raw('"');
  }

  void leave() {
    json_.raw('}');
    at_ = tree.objects[at_].parent;
  }

  // Makes `object` the open one and writes the key of a field in it. An open object always has a
  // field already: only behind an opening there is no comma.
  void enter(Node object, const Key& key) {
    const size_t comma = object == at_ ? 0 : go_to(object);
    json_.raw_slack(key.text.data() + comma, key.size - comma);
  }
  // Closes and opens what lies between. Returns how many characters of the next key are not wanted.
  [[gnu::noinline]] size_t go_to(Node object) {
    const Tree::Object& target = tree.objects[object];
    while (target.chain[tree.objects[at_].depth] != at_) leave();
    size_t comma = 0;
    for (size_t depth = tree.objects[at_].depth + 1u; depth <= target.depth; ++depth) {
      const Key& opening = tree.objects[target.chain[depth]].opening;
      json_.raw_slack(opening.text.data() + comma, opening.size - comma);
      comma = 1;
    }
    at_ = object;
    return comma;
  }

  struct Seen {
    uint32_t first = 0, count = 0;
  };

  const Facts& f_;
  JsonText json_;
  Node at_ = 0;
  std::array<Seen, kind_count> seen_{};
};

}  // namespace

void write_json(const Document& document, const RecordContext& context, std::string& out) {
  const Facts f(document, context);
  Writer writer(f, out);
  constexpr size_t base = __COUNTER__ + 1;
#define HP_FIELD(path, type, privacy, shown, parts, value, text) \
  {                                                              \
    constexpr size_t row = __COUNTER__ - base;                   \
    if (writer.wanted<row>()) writer.field<row>(value);          \
  }
#define HP_FINGERPRINTS(object) writer.fingerprints<__COUNTER__ - base>();
#include "record/catalogue.def"
#undef HP_FIELD
#undef HP_FINGERPRINTS
  writer.finish();
}

}  // namespace handprint
