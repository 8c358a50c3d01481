// SPDX-License-Identifier: Apache-2.0
// Tables with which the ranks of the demo exchange results.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <symmem/symmem.hpp>
#include <vector>

/// A table of T in host or GPU memory on every rank; every rank can write every table.
template <typename T>
struct Table {
  Table(symmem::Context& context, int rows, int columns, symmem::Device device = {})
      : buffer(context.allocate<T>(static_cast<std::size_t>(rows * columns), device)),
        memory(context.rendezvous(buffer)),
        width(columns) {}

  /// Reads an element of this rank's table. Uses get, because the CPU cannot load from GPU memory.
  T operator()(int row, int column = 0) const {
    T value;
    memory->get(memory->rank(), sizeof(T) * static_cast<std::size_t>(row * width + column),
                std::span(&value, 1));
    return value;
  }
  void put(int rank, int row, const std::vector<T>& values) const {
    memory->put(rank, sizeof(T) * static_cast<std::size_t>(row * width), std::span(values));
  }
  /// Writes a row into the tables of all ranks. Collective.
  void put_to_all(int row, const std::vector<T>& values) const {
    for (int to = 0; to < memory->world_size(); ++to) put(to, row, values);
    memory->barrier();
  }

  symmem::Buffer<T> buffer;
  std::shared_ptr<symmem::SymmetricMemory> memory;
  int width;
};

/// A short text as an element of a Table, truncated to 63 bytes.
struct Text {
  char text[64] = {};

  explicit Text(const std::string& from = {}) { from.copy(text, sizeof text - 1); }
};
