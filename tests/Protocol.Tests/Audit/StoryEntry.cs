// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>An entry of a story, before it is numbered and signed.</summary>
internal sealed record StoryEntry(string Name, string Type, int Silo, (string, Sha256Digest)[] Subjects, (string, EntryField)[] Fields, RunId? Job = null, int? Round = null)
{
    /// <summary>Whether the silo's administrator signs.</summary>
    public bool IsAdmin { get; init; }

    /// <summary>What an adversary makes of the entry before it is signed.</summary>
    public Func<LogEntry, LogEntry> Forge { get; init; } = entry => entry;

    /// <summary>What an adversary makes of the signed bytes.</summary>
    public Func<byte[], byte[]> Spoil { get; init; } = bytes => bytes;

    public StoryEntry WithSubject(string name, Sha256Digest digest) => this with { Subjects = [.. Subjects.Where(subject => subject.Item1 != name), (name, digest)] };

    public StoryEntry WithField(string name, EntryField value) => this with { Fields = [.. Fields.Where(field => field.Item1 != name), (name, value)] };
}
