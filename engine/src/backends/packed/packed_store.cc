#include "backends/packed/packed_store.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "base/checked_math.h"
#include "base/log.h"

namespace smx {
namespace {

bool operator==(const PackedKey& a, const PackedKey& b) {
  return a.origin == b.origin && a.place == b.place && a.inputs == b.inputs && a.outputs == b.outputs &&
         a.order == b.order;
}

/// With the slack behind them.
size_t BytesInMemory(const PackedBlock& block) {
  constexpr size_t kUnit = PackedHeap::kAlignment;
  return (block.bytes + kPackedSlackBytes + kUnit - 1) / kUnit * kUnit;
}

/// Lines about the cache, with its path in front of them.
struct CacheLog {
  const char* path;
  Log log;

  Log AsLog() {
    const auto hook = [](void* context, const char* message) {
      const CacheLog& self = *static_cast<CacheLog*>(context);
      LogF(self.log, "weights cache %s: %s", self.path, message);
    };
    return log.hook == nullptr ? Log{} : Log{hook, this};
  }
};

}  // namespace

PackedStore::~PackedStore() {
  GiveBackReserved();
  // One by one, as a list that destroys itself recurses.
  while (first_ != nullptr) {
    if (!first_->is_mapped) heap_.Free(first_->data, BytesInMemory(*first_));
    first_ = std::move(first_->next);
  }
}

size_t PackedStore::BucketOf(const PackedKey& key) {
  const uint64_t mixed = key.place ^ (key.origin << 62) ^ (key.inputs << 40) ^ key.outputs;
  return static_cast<size_t>((mixed * 0x9e3779b97f4a7c15u) >> 54);  // the 10 upper bits: kNumBuckets
}

PackedKey PackedStore::KeyOf(const ProductWeights& weights, PackedKey::Order order) const {
  if (weights.made_matrix != 0) return {PackedKey::kMade, weights.made_matrix, weights.inputs, weights.outputs, order};
  const uintptr_t kernel = reinterpret_cast<uintptr_t>(weights.kernel);
  const uintptr_t file = reinterpret_cast<uintptr_t>(file_.bytes.data());
  const bool is_in_file = kernel >= file && kernel - file < file_.bytes.size();
  if (!is_in_file) return {PackedKey::kAddress, kernel, weights.inputs, weights.outputs, order};
  return {PackedKey::kFile, kernel - file, weights.inputs, weights.outputs, order};
}

PackedBlock* PackedStore::Find(const PackedKey& key) const {
  PackedBlock* block = buckets_[BucketOf(key)];
  while (block != nullptr && !(block->state != PackedBlock::State::kDropped && block->key == key)) {
    block = block->next_in_bucket;
  }
  return block;
}

bool PackedStore::Prove(PackedBlock* block, size_t bytes_read, const Log& log) {
  if (block->state != PackedBlock::State::kUnproved) return true;
  const bool fits = block->bytes == bytes_read;
  block->state = fits ? PackedBlock::State::kReady : PackedBlock::State::kDropped;
  if (fits) return true;
  LogF(log, "weights cache: %zu bytes for a product of %zu inputs and %zu outputs, its kernels read %zu: packed anew",
       block->bytes, static_cast<size_t>(block->key.inputs), static_cast<size_t>(block->key.outputs), bytes_read);
  return false;
}

void PackedStore::Append(std::unique_ptr<PackedBlock> block) {
  PackedBlock*& bucket = buckets_[BucketOf(block->key)];
  block->next_in_bucket = std::exchange(bucket, block.get());
  std::unique_ptr<PackedBlock>& end = last_ == nullptr ? first_ : last_->next;
  last_ = block.get();
  end = std::move(block);
}

void PackedStore::GiveBackReserved() {
  if (reserved_ != nullptr) heap_.Free(reserved_->data, BytesInMemory(*reserved_));
  reserved_.reset();
}

void* PackedStore::Reserve(size_t size) {
  GiveBackReserved();
  if (size > SIZE_MAX / 2) return nullptr;
  auto block = MakeUnique<PackedBlock>();
  if (block == nullptr) return nullptr;
  block->bytes = size;
  block->data = heap_.Allocate(BytesInMemory(*block));
  if (block->data == nullptr) return nullptr;
  reserved_ = std::move(block);
  return reserved_->data;
}

PackedBlock* PackedStore::Insert(const PackedKey& key) {
  reserved_->key = key;
  PackedBlock* const block = reserved_.get();
  Append(std::move(reserved_));
  has_new_ = true;
  if (file_.is_mapped && key.origin == PackedKey::kFile) {
    const size_t offset = static_cast<size_t>(key.place);
    const size_t size = static_cast<size_t>(key.inputs * key.outputs);
    ReleasePages(file_.bytes.data() + offset, std::min(size, file_.bytes.size() - offset));
  }
  return block;
}

Status PackedStore::KeepMapping(MappedFile mapping) {
  auto kept = MakeUnique<Mapping>();
  if (kept == nullptr) return Status::kOutOfMemory;
  kept->file = std::move(mapping);
  kept->next = std::move(mappings_);
  mappings_ = std::move(kept);
  return Status::kOk;
}

Status PackedStore::AddEntries(const FixedArray<PackedFileEntry>& entries) {
  for (const PackedFileEntry& entry : entries) {
    auto block = MakeUnique<PackedBlock>();
    if (block == nullptr) return Status::kOutOfMemory;
    block->key = entry.key;
    block->bytes = static_cast<size_t>(entry.bytes);
    block->data = const_cast<uint8_t*>(MappedBytes()) + entry.offset;  // that nobody writes
    block->state = PackedBlock::State::kUnproved;
    block->is_mapped = true;
    Append(std::move(block));
  }
  return Status::kOk;
}

/// What is there and is no weights cache stays as it is.
Status PackedStore::MapCache(const Log& log) {
  may_write_ = true;
  if (access(file_.cache_path, F_OK) != 0) return Status::kOk;
  Result<MappedFile> mapping = MappedFile::Open(file_.cache_path, log);
  may_write_ = mapping.status() == Status::kInvalidModel;  // it is empty
  if (!mapping.ok()) return Status::kIoError;
  const Span<const uint8_t> bytes = mapping.value().bytes();
  may_write_ = MayBePackedFile(bytes);
  FixedArray<PackedFileEntry> entries;
  SMX_TRY(ReadPackedFile(bytes, fingerprint_, file_.max_hashed_bytes, log, &entries));
  // Hashing has read it all.
  if (file_.experts_budget_bytes != 0) ReleasePages(bytes.data(), bytes.size());
  SMX_TRY(KeepMapping(std::move(mapping.value())));
  return AddEntries(entries);
}

Status PackedStore::OpenCache(const PackedFingerprint& fingerprint, const Log& log) {
  if (file_.cache_path == nullptr) return Status::kOk;
  fingerprint_ = fingerprint;
  CacheLog cache_log = {file_.cache_path, log};
  const Status status = MapCache(cache_log.AsLog());
  return status == Status::kOutOfMemory ? status : Status::kOk;
}

/// The heap's copies of what was written are gone afterwards, but for those that others run with.
void PackedStore::MoveToMapping(const FixedArray<PackedFileEntry>& entries) {
  size_t i = 0;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) {
    if (block->state == PackedBlock::State::kDropped) continue;
    const PackedFileEntry& entry = entries[i++];
    if (block->is_mapped || block->is_shared) continue;
    heap_.Free(block->data, BytesInMemory(*block));
    block->data = const_cast<uint8_t*>(MappedBytes()) + entry.offset;
    block->is_mapped = true;
  }
}

Status PackedStore::WriteCache(const Log& log) {
  size_t count = 0;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) {
    count += block->state != PackedBlock::State::kDropped;
  }
  FixedArray<PackedPiece> pieces;
  SMX_TRY(pieces.Allocate(count));
  size_t i = 0;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) {
    if (block->state != PackedBlock::State::kDropped) pieces[i++] = {block->key, block->data, block->bytes};
  }
  FileReplacement file;
  FixedArray<PackedFileEntry> entries;
  SMX_TRY(file.Open(file_.cache_path, log));
  SMX_TRY(WritePackedFile({pieces.data(), pieces.size()}, fingerprint_, &file, &entries));
  SMX_TRY(file.Commit());
  // By the descriptor: under the name there may be another one's by now.
  Result<MappedFile> mapping = MappedFile::OfDescriptor(file.descriptor(), file_.cache_path, log);
  if (!mapping.ok()) return Status::kIoError;
  SMX_TRY(KeepMapping(std::move(mapping.value())));
  MoveToMapping(entries);
  return Status::kOk;
}

Status PackedStore::FinishCreation(const Log& log) {
  if (has_new_ && may_write_) {
    CacheLog cache_log = {file_.cache_path, log};
    if (WriteCache(cache_log.AsLog()) == Status::kOutOfMemory) return Status::kOutOfMemory;
  }
  has_new_ = false;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) block->is_shared = true;
  return Status::kOk;
}

size_t PackedStore::bytes() const {
  size_t sum = 0;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) {
    if (block->state == PackedBlock::State::kReady) sum += BytesInMemory(*block);
  }
  return sum;
}

size_t PackedStore::mapped_bytes() const {
  size_t sum = 0;
  for (PackedBlock* block = first_.get(); block != nullptr; block = block->next.get()) {
    if (block->state == PackedBlock::State::kReady && block->is_mapped) sum += BytesInMemory(*block);
  }
  return sum;
}

}  // namespace smx
