// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Microsoft.Playwright;
using Xunit;
using Xunit.Abstractions;
using static Microsoft.Playwright.Assertions;

namespace FedCloud.Dashboard.Tests;

/// <summary>The log's page on a log as it is after years.</summary>
[Collection(Browser.One)]
public sealed class LargeLogTests(Browser browser, ITestOutputHelper output)
{
    private const int Size = 100_000;

    // On two slow cores that other work shares; a page that blocks on such a log does so for much longer.
    private const double LongestGapMs = 1_000;

    // A search goes through thousands of entries a call, on the same cores.
    private const float Patience = 60_000;

    [BrowserFact]
    public async Task Log_OfAHundredThousandEntries_IsSearchedAndPagedWhileThePageAnswers()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.StopAsync();
        Stopwatch clock = Stopwatch.StartNew();
        await LargeLog.GrowAsync(host.Federation, Size);
        Tell("written in", clock);
        await host.ServeAsync();
        using HttpClient client = new() { BaseAddress = host.Address, Timeout = TimeSpan.FromMinutes(5) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", DashboardHost.Auditor);
        foreach (string path in new[] { "entries?limit=50", "entries?limit=50", "entries?limit=50&before=50000", "entries?limit=50&type=beacon_void", "evidence" })
        {
            clock.Restart();
            byte[] answer = await client.GetByteArrayAsync(new Uri($"/api/audit/{path}", UriKind.Relative));
            Tell(string.Create(CultureInfo.InvariantCulture, $"{path}: {answer.Length} bytes in"), clock);
        }

        await using IBrowserContext context = await browser.Current.NewContextAsync();
        context.SetDefaultTimeout(Patience);
        IPage page = await browser.PageAsync(context);
        ILocator entries = page.Locator("ol.entries > li");
        await page.GotoAsync($"{host.Address}#token={DashboardHost.Auditor}");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
        await page.EvaluateAsync("() => { window.longest = 0; let last = performance.now(); const look = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(look); }; requestAnimationFrame(look); }");

        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log", Exact = true }).ClickAsync();
        await Expect(page.GetByText("100,000 entries under the newest witnessed checkpoint")).ToBeVisibleAsync(new() { Timeout = Patience });
        await page.GetByLabel("Type").SelectOptionAsync("access");
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await Expect(page.GetByText("50 found, searched down to entry")).ToBeVisibleAsync(new() { Timeout = Patience });
        await page.GetByRole(AriaRole.Button, new() { Name = "Older entries" }).ClickAsync();
        await Expect(page.GetByText("back to the beginning of the log")).ToBeVisibleAsync(new() { Timeout = Patience });
        Assert.InRange(await entries.CountAsync(), Size / LargeLog.Rare - 1, (Size / LargeLog.Rare) + 1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Show all" }).ClickAsync();
        for (int pages = 1; pages <= 10; pages++)
        {
            await Expect(entries).ToHaveCountAsync(pages * 50, new() { Timeout = Patience });
            await page.GetByRole(AriaRole.Button, new() { Name = "Older entries" }).ClickAsync();
        }

        await Expect(entries).ToHaveCountAsync(550, new() { Timeout = Patience });
        double longest = await page.EvaluateAsync<double>("() => window.longest");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"longest gap between frames: {longest:F0} ms"));
        Assert.InRange(longest, 1, LongestGapMs);
        Assert.Empty(browser.Complaints);
    }

    private void Tell(string what, Stopwatch clock) => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {clock.Elapsed.TotalSeconds:F2} s"));
}
