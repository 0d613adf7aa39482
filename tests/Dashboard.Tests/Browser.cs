// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using Microsoft.Playwright;
using Xunit;

namespace FedCloud.Dashboard.Tests;

/// <summary>The system's Chromium, without a window: one for all tests, which follow each other.</summary>
[CollectionDefinition(One)]
public sealed class Browser : IAsyncLifetime, ICollectionFixture<Browser>
{
    /// <summary>The name of their collection.</summary>
    public const string One = "browser";

    private static readonly string[] Arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>The browser; there is one wherever a browser's tests run.</summary>
    public IBrowser Current => _browser ?? throw new InvalidOperationException("the browser is started");

    /// <summary>What pages complained of: errors of scripts, and what the page's policy refused.</summary>
    public List<string> Complaints { get; } = [];

    public async Task InitializeAsync()
    {
        if (BrowserFactAttribute.Executable is { } executable)
        {
            _playwright = await Playwright.CreateAsync();
            _browser = await _playwright.Chromium.LaunchAsync(new() { ExecutablePath = executable, Args = Arguments });
        }
    }

    public async Task DisposeAsync()
    {
        await (_browser?.DisposeAsync() ?? ValueTask.CompletedTask);
        _playwright?.Dispose();
    }

    /// <summary>A page whose complaints are heard.</summary>
    public async Task<IPage> PageAsync(IBrowserContext context)
    {
        Complaints.Clear();
        IPage page = await context.NewPageAsync();
        page.PageError += (_, error) => Complaints.Add(error);
        page.Console += (_, message) =>
        {
            // That a request was refused is said by the browser itself.
            if (message.Type is "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                Complaints.Add(message.Text);
            }
        };
        return page;
    }

    /// <summary>Asks axe (Deque, WCAG 2.2 A and AA among its rules) for faults of the page as it is.</summary>
    public async Task RequireAccessibleAsync(IPage page)
    {
        // Not by a script element, which the page's policy refuses.
        ICDPSession session = await page.Context.NewCDPSessionAsync(page);
        await session.SendAsync("Runtime.evaluate", new() { ["expression"] = await File.ReadAllTextAsync(BrowserFactAttribute.Axe!) });
        JsonElement? result = await page.EvaluateAsync("async () => (await window.axe.run()).violations.map(rule => `${rule.id}: ${rule.nodes.map(node => node.html).join(' | ')}`)");
        Assert.Equal("[]", result?.GetRawText());
    }
}
