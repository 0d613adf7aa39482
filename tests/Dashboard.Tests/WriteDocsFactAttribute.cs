// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Dashboard.Tests;

/// <summary>Writes what the documentation shows: done where somebody asks for it with FEDCLOUD_WRITE_DOCS=1.</summary>
internal sealed class WriteDocsFactAttribute : FactAttribute
{
    public WriteDocsFactAttribute() => Skip = Environment.GetEnvironmentVariable("FEDCLOUD_WRITE_DOCS") == "1"
        ? new BrowserFactAttribute().Skip
        : "FEDCLOUD_WRITE_DOCS=1 takes the pictures of docs/images anew";
}
