// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Plans;
using FedCloud.Simulation.Tests.Whole;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace FedCloud.Dashboard.Tests;

/// <summary>The dashboard in a real browser, on the real API.</summary>
[Collection(Browser.One)]
public sealed class DashboardTests(Browser browser)
{
    private const string Signed = "#token=";

    [BrowserFact]
    public async Task Pages_ReadByAnAuditor_ShowTheRunAndHaveNoAccessibilityFault()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        List<string> elsewhere = [];
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url).Authority != host.Address.Authority)
            {
                elsewhere.Add(request.Url);
            }
        };

        await page.GotoAsync(host.Address.ToString());
        await Expect(page.GetByLabel("Bearer token")).ToBeFocusedAsync();
        await browser.RequireAccessibleAsync(page);
        await page.Keyboard.TypeAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("token_refused");
        await page.Keyboard.TypeAsync(DashboardHost.Auditor);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Row)).ToHaveCountAsync(1 + 1 + 1 + 4);
        await browser.RequireAccessibleAsync(page);

        await page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = $"Run {host.Job}" })).ToBeVisibleAsync();
        await Expect(page.GetByText("2 of 2 committed")).ToBeVisibleAsync();
        await Expect(page.GetByText("no differential privacy")).ToBeVisibleAsync();
        await browser.RequireAccessibleAsync(page);
        foreach (string name in new[] { "Models", "Keys", "Audit log" })
        {
            await page.GetByRole(AriaRole.Navigation).GetByText(name).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = name, Level = 1 })).ToBeVisibleAsync();
            await browser.RequireAccessibleAsync(page);
        }

        Assert.Empty(elsewhere);
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Log_Searched_ShowsWhatWasAskedForDownToTheBeginning()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);

        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log" }).ClickAsync();
        await page.GetByLabel("Type").SelectOptionAsync("result");
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await Expect(page.GetByText("2 found, back to the beginning of the log")).ToBeVisibleAsync();

        ILocator newest = page.Locator("ol.entries > li").First;
        await newest.Locator("summary").First.ClickAsync();
        await Expect(newest.GetByText("new model")).ToBeVisibleAsync();
        await page.GetByLabel("Actor").FillAsync("no-such-silo");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByText("0 found, back to the beginning of the log")).ToBeVisibleAsync();
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Verify_TheLogAsItIs_IsGreen_AndWithAChangedEntryRedWithTheEntry()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        List<string> kept = [];
        page.Response += (_, response) =>
        {
            if (response.Url.Contains("/api/", StringComparison.Ordinal) && response.Headers.GetValueOrDefault("cache-control") is not "no-store")
            {
                kept.Add(response.Url);
            }
        };
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log" }).ClickAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Verify in this browser" }).ClickAsync();
        ILocator verdict = page.Locator(".verdict");
        await Expect(verdict).ToContainTextAsync("Verified, not pinned", new() { Timeout = 60_000 });
        await browser.RequireAccessibleAsync(page);

        long changed = await ChangeAsync(host);
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify in this browser" }).ClickAsync();
        await Expect(verdict).ToContainTextAsync("Not verified", new() { Timeout = 60_000 });
        await Expect(page.GetByRole(AriaRole.Alert).GetByText("Not verified")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = $"entry {changed}" }).First).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Cell, new() { Name = "signature_invalid" }).First).ToBeVisibleAsync();
        await browser.RequireAccessibleAsync(page);
        Assert.Empty(kept);
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Page_LeftWhileItsAnswerArrives_DoesNotComeBackOverTheNext()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        await page.Clock.InstallAsync();

        // As of an answer that is read already when its page is left: giving it up has no effect.
        await page.AddInitScriptAsync("const given = window.fetch; window.fetch = (path, { signal, ...how }) => given(path, how);");
        TaskCompletionSource left = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await page.RouteAsync("**/api/runs", async route =>
        {
            await left.Task;
            await route.ContinueAsync();
        });
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log" }).ClickAsync();
        ILocator verify = page.GetByRole(AriaRole.Button, new() { Name = "Verify in this browser" });
        await Expect(verify).ToBeEnabledAsync();
        await page.RunAndWaitForResponseAsync(() => Task.FromResult(left.TrySetResult()), response => response.Url.EndsWith("/api/runs", StringComparison.Ordinal));

        // The overview asks again every 5 s; what was left does not.
        await page.Clock.FastForwardAsync(60_000);
        await verify.ClickAsync();
        await Expect(page.Locator(".verdict")).ToContainTextAsync("Verified, not pinned");
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Save_TheEvidence_IsWhatAnAuditorVerifiesElsewhere()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log" }).ClickAsync();
        Task SaveAsync() => page.GetByRole(AriaRole.Button, new() { Name = "Save the evidence" }).ClickAsync();

        IDownload now = await page.RunAndWaitForDownloadAsync(SaveAsync);
        await Expect(page.GetByText("Saved the coordinator’s evidence")).ToBeVisibleAsync();
        Assert.Equal("evidence.zip", now.SuggestedFilename);
        using (ZipEvidence evidence = ZipEvidence.Open(File.OpenRead(await now.PathAsync())))
        {
            Assert.Equal(0, (await EvidenceVerifier.VerifyAsync(evidence, policy: null)).Failures);
        }

        // After a verification it is what was verified, also when the log has changed since.
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify in this browser" }).ClickAsync();
        await Expect(page.Locator(".verdict")).ToContainTextAsync("Verified, not pinned", new() { Timeout = 60_000 });
        await ChangeAsync(host);
        IDownload verified = await page.RunAndWaitForDownloadAsync(SaveAsync);
        using (ZipEvidence evidence = ZipEvidence.Open(File.OpenRead(await verified.PathAsync())))
        {
            Assert.Equal(0, (await EvidenceVerifier.VerifyAsync(evidence, policy: null)).Failures);
        }

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.GetByLabel("Bearer token").FillAsync(DashboardHost.Auditor);
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Save the evidence" })).ToBeVisibleAsync();
        await Expect(page.Locator(".verdict")).ToHaveCountAsync(0);
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Coordinator_Restarted_IsSaidAndThePageGoesOn()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();

        await host.StopAsync();
        await Expect(page.Locator("#connection")).ToContainTextAsync("The coordinator does not answer", new() { Timeout = 15_000 });
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
        await host.ServeAsync();

        await Expect(page.Locator("#connection")).ToBeEmptyAsync(new() { Timeout = 30_000 });
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
    }

    [BrowserFact]
    public async Task Names_WithMarkup_AreText()
    {
        const string Markup = "<img src=x onerror=\"document.title='owned'\">";
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        await page.RouteAsync("**/api/silos", route => route.FulfillAsync(new() { ContentType = "application/json", Body = JsonSerializer.Serialize(new { federation = Markup, roster_version = 1, silos = new[] { new { silo = Markup, status = Markup, idx = 1, ik_spki_sha256 = Markup } } }) }));

        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");

        await Expect(page.GetByRole(AriaRole.Cell, new() { Name = Markup, Exact = true }).First).ToBeVisibleAsync();
        Assert.Equal(0, await page.Locator("img").CountAsync());
        Assert.Equal("Overview · FedCloud", await page.TitleAsync());
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Run_WithNoiseOnTheRing_ShowsEpsilonRoundByRoundAndAsksForItOnce()
    {
        RunConfig plan = WholeScheduleTests.RingConfig(rounds: 2, quorum: 3);
        await using DashboardHost host = await DashboardHost.StartAsync(plan);
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        List<string> asked = [];
        page.Request += (_, request) => asked.Add(new Uri(request.Url).AbsolutePath);
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value }).ClickAsync();

        PrivacySummary privacy = PrivacyCourse.Of(plan);
        await Expect(page.GetByText($"claim {privacy.Claim!.Text}: ε = {privacy.Claim.Epsilon} at the reserved maximum of rounds, δ = 0.00001. Unit record: one training record in one silo; {privacy.Claim.Neighbours}; against {privacy.Claim.Adversary}. Accountant RDP")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { NameRegex = new("^ε after each round, from the plan’s noise: ") })).ToBeVisibleAsync();
        await Expect(page.Locator("#course").GetByRole(AriaRole.Row)).ToHaveTextAsync(["RoundεCommitted", .. privacy.Course.Select(point => string.Create(CultureInfo.InvariantCulture, $"{point.Round}{point.Epsilon}yes"))]);
        await browser.RequireAccessibleAsync(page);
        await page.RunAndWaitForRequestFinishedAsync(() => Task.CompletedTask, new() { Predicate = request => request.Url.EndsWith($"/api/runs/{host.Job}", StringComparison.Ordinal) });
        Assert.Single(asked, path => path.EndsWith("/privacy", StringComparison.Ordinal));
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Address_ThatIsNone_IsNotFound()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await browser.PageAsync(context);
        await page.GotoAsync($"{host.Address}{Signed}{DashboardHost.Auditor}");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();

        foreach (string job in new[] { "%", "no-such-run" })
        {
            await page.GotoAsync($"{host.Address}#/runs/{job}");
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Not found" })).ToBeVisibleAsync();
            await Expect(page.Locator("main")).ToContainTextAsync(job == "%" ? "route_missing" : "run_missing");
        }

        await browser.RequireAccessibleAsync(page);
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task Auditor_CannotStartOrCancelARun()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        using HttpClient client = new() { BaseAddress = host.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", DashboardHost.Auditor);

        foreach (string path in new[] { "/api/runs", $"/api/runs/{host.Job}/cancel", "/api/keys/log/versions" })
        {
            using HttpResponseMessage answer = await client.PostAsync(new Uri(path, UriKind.Relative), new ByteArrayContent(path == "/api/runs" ? host.Federation.Config.ToJcs() : []));
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.Contains("role_refused", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using HttpResponseMessage session = await client.GetAsync(new Uri("/api/session", UriKind.Relative));
        Assert.Equal("""{"roles":["Auditor"]}""", await session.Content.ReadAsStringAsync());
    }

    // The first digit of a round's aggregate, in the bundle that the newest checkpoint has.
    private static async Task<long> ChangeAsync(DashboardHost host)
    {
        LogEntry[] entries = [.. await host.Federation.EntriesAsync()];
        int index = Array.FindLastIndex(entries, entry => entry.Type == EntryTypes.Result);
        string digest = entries[index].Subjects["aggregate"].Hex;
        int changed = 0;
        foreach (BundleCoordinate bundle in TileLayout.Bundles(entries.Length).Concat(Enumerable.Range(1, entries.Length).SelectMany(size => TileLayout.Bundles(size))).Distinct())
        {
            BlobName name = new("log", bundle.Path);
            if (await host.Federation.Store.ReadAsync(name, int.MaxValue, CancellationToken.None) is { } read && System.Text.Encoding.Latin1.GetString(read.Bytes) is var text && text.Contains(digest, StringComparison.Ordinal))
            {
                string other = (digest[0] == 'a' ? 'b' : 'a') + digest[1..];
                Assert.IsType<PutOutcome.Written>(await host.Federation.Store.ReplaceIfMatchAsync(name, BlobContent.Of(System.Text.Encoding.Latin1.GetBytes(text.Replace(digest, other, StringComparison.Ordinal))), read.ETag, CancellationToken.None));
                changed++;
            }
        }

        Assert.NotEqual(0, changed);
        return index;
    }
}
