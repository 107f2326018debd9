// SPDX-License-Identifier: Apache-2.0
#include "agent/source/live/live_capture.h"

#include <cstring>
#include <utility>

#include "agent/source/live/attacher.h"
#include "agent/source/live/host.h"
#include "agent/source/live/tc_filter.h"

namespace handprint {
namespace {

Error failure(std::string message) {
  Error error;
  error.message = std::move(message);
  return error;
}

}  // namespace

LiveCapture::LiveCapture() = default;

LiveCapture::~LiveCapture() {
  if (attacher_ != nullptr) attacher_->stop();
  // The rings are mapped from the loader's maps.
  reader_.reset();
  attacher_.reset();
}

Result<std::unique_ptr<LiveCapture>> LiveCapture::start(const LiveOptions& options,
                                                        LoadReport* report) {
  std::vector<LiveHook> candidates{options.hook};
  if (options.hook == LiveHook::automatic) {
    candidates.clear();
    if (!options.cgroup_root.empty() || !cgroup2_mount().path.empty())
      candidates.push_back(LiveHook::automatic);
    candidates.push_back(LiveHook::tc);
  }
  Error first;
  for (const LiveHook hook : candidates) {
    Result<std::unique_ptr<LiveCapture>> capture = start_hook(options, hook, report);
    if (capture) return capture;
    if (first.message.empty()) first = capture.error();
  }
  return first;
}

Result<std::unique_ptr<LiveCapture>> LiveCapture::start_hook(const LiveOptions& options,
                                                             LiveHook hook, LoadReport* report) {
  std::unique_ptr<LiveCapture> capture(new LiveCapture);
  capture->hook_ = hook;
  LiveOptions full = options;
  full.config.with_cgroup = hook == LiveHook::automatic;
  Result<std::unique_ptr<Loader>> loader =
      Loader::load(full, groups_for(hook, options.owners), report);
  if (!loader) return loader.error();
  capture->loader_ = std::move(loader).value();
  Loader& loaded = *capture->loader_;
  if (hook == LiveHook::automatic) {
    // One of the two is better than none, and then it has to copy everything.
    if (!loaded.has(ProgramGroup::capture_cgroup)) return failure("the hook cgroup does not load");
    if (!loaded.has(ProgramGroup::capture_tc)) capture->hook_ = hook = LiveHook::cgroup;
  }

  if (options.read) {
    Result<std::unique_ptr<Ring>> packets =
        open_kernel_ring(loaded.map("packets"), loaded.report().packet_ring_bytes);
    if (!packets) return packets.error();
    Result<std::unique_ptr<Ring>> processes =
        open_kernel_ring(loaded.map("processes"), loaded.report().process_ring_bytes);
    if (!processes) return processes.error();
    capture->reader_ = std::make_unique<RingReader>(
        std::move(packets).value(), std::move(processes).value(), own_network_namespace());
  }

  capture->attacher_ = std::make_unique<Attacher>(loaded, hook, options);
  // Owners of new sockets first, then of those that exist, and only then packets: so the first
  // packet that is copied already finds its owner.
  loaded.attach_tracing();
  capture->attacher_->attach_owner();
  capture->seeded_ = loaded.seed();
  if (Result<void> attached = capture->attacher_->start(); !attached) return attached.error();
  if (report != nullptr) *report = loaded.report();
  return capture;
}

LiveHook LiveCapture::hook() const { return hook_; }
const LoadReport& LiveCapture::report() const { return loader_->report(); }
const std::vector<hp_owner>& LiveCapture::seeded() const { return seeded_; }

std::size_t LiveCapture::poll(LiveSink& sink, std::chrono::steady_clock::time_point deadline) {
  return reader_->poll(sink, deadline);
}

std::size_t LiveCapture::drain(LiveSink& sink, std::size_t limit) {
  return reader_->drain(sink, limit);
}

Result<void> LiveCapture::reconfigure(const LiveOptions& options) {
  if (options.hook != LiveHook::automatic && options.hook != hook_)
    return failure("the capture hook cannot change while capturing: restart the agent");
  hp_config config = options.config;
  config.with_cgroup = hook_ == LiveHook::automatic;
  if (Result<void> configured = loader_->configure(config); !configured) return configured;
  attacher_->select(options.interfaces);
  return {};
}

int LiveCapture::packet_ring() const { return loader_->map("packets"); }
int LiveCapture::process_ring() const { return loader_->map("processes"); }

uint64_t LiveCapture::unread_packets() const {
  auto ring = open_kernel_ring(packet_ring(), report().packet_ring_bytes);
  if (!ring) return 0;
  uint64_t count = 0;
  const uint64_t end = (*ring)->produced();
  while ((*ring)->next(end).data() != nullptr) ++count;
  return count;
}

void LiveCapture::forget_announced() { loader_->forget_announced(); }

void LiveCapture::pause() { attacher_->pause(); }
Result<void> LiveCapture::resume() { return attacher_->resume(); }

void LiveCapture::stop() { attacher_->stop(); }

std::vector<AttachedPoint> LiveCapture::attached() const { return attacher_->attached(); }
std::vector<AttachFailure> LiveCapture::failures() const { return attacher_->failures(); }
FollowCounters LiveCapture::follow_counters() const { return attacher_->follow_counters(); }
bool LiveCapture::read_counters(KernelCounters& out) const { return loader_->read_counters(out); }
const ReaderCounters& LiveCapture::reader_counters() const { return reader_->counters(); }

std::string LiveCapture::interface_name(uint32_t interface) const {
  return attacher_->interface_name(interface);
}

Result<std::size_t> detach_leftovers() {
  NetlinkSocket socket(0);
  Interfaces interfaces;
  if (!socket.valid() || read_interfaces(socket, interfaces) != 0)
    return failure("cannot read the network interfaces by netlink");
  const int removed = remove_leftovers(socket, interfaces);
  if (removed < 0)
    return failure(std::string("cannot remove a filter: ") + std::strerror(-removed));
  return static_cast<std::size_t>(removed);
}

}  // namespace handprint
