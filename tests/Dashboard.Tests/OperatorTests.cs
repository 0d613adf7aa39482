// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace FedCloud.Dashboard.Tests;

/// <summary>What an operator changes through the page, and an auditor cannot.</summary>
[Collection(Browser.One)]
public sealed partial class OperatorTests(Browser browser)
{
    private const string Again = "run-again";

    [BrowserFact]
    public async Task Operator_RunsAgain_SubmitsTheSamePlanAndGoesThere()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await SignedInAsync(host, context, DashboardHost.Operator, $"#/runs/{host.Job}");
        ILocator button = page.GetByRole(AriaRole.Button, new() { Name = "Run again" });
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        ILocator id = page.GetByLabel("Id of the new run");

        await button.PressAsync("Enter");
        await Expect(id).ToBeFocusedAsync();
        await Expect(id).ToHaveValueAsync(NewId());
        await browser.RequireAccessibleAsync(page);
        await page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(button).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("Enter");
        await id.FillAsync("Not An Id");
        await page.Keyboard.PressAsync("Enter");
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("body_malformed: run configuration: $.job does not have the expected form. Next: ");
        await Expect(id).ToHaveValueAsync("Not An Id");
        await browser.RequireAccessibleAsync(page);
        await id.FillAsync(Again);
        await page.Keyboard.PressAsync("Enter");

        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = $"Run {Again}" })).ToBeVisibleAsync();
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(page.GetByText(ConfigOf(host, Again).Digest.Hex)).ToBeVisibleAsync();
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Operator_CancelsARun_IsAskedFirst()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await SubmitAsync(host, Again);
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await SignedInAsync(host, context, DashboardHost.Operator, $"#/runs/{Again}");
        ILocator button = page.GetByRole(AriaRole.Button, new() { Name = "Cancel this run" });
        ILocator dialog = page.GetByRole(AriaRole.Dialog);

        await button.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Keep it" })).ToBeFocusedAsync();
        await browser.RequireAccessibleAsync(page);
        await page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(button).ToBeFocusedAsync();

        await host.StopAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel the run" }).ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("coordinator_unreachable");
        await host.ServeAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel the run" }).ClickAsync();

        await Expect(page.Locator("[data-state=cancelled]")).ToBeVisibleAsync();
        await Expect(button).ToHaveCountAsync(0);
        await Expect(page.Locator("main")).ToBeFocusedAsync();
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Run again" })).ToBeVisibleAsync();
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Operator_StartsARunFromAFile_ReadsWhatItAsksForFirst()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await SignedInAsync(host, context, DashboardHost.Operator, "#/");
        RunConfig config = ConfigOf(host, "run-from-file");
        ILocator file = page.GetByLabel("Run configuration");
        ILocator dialog = page.GetByRole(AriaRole.Dialog);
        ILocator start = page.GetByRole(AriaRole.Button, new() { Name = "Start the run" });

        await page.GetByRole(AriaRole.Button, new() { Name = "Start a run" }).PressAsync("Enter");
        await file.SetInputFilesAsync(FileOf([.. config.ToJcs(), (byte)'\n']));
        await Expect(dialog).ToContainTextAsync("json_not_canonical: run configuration: the bytes are not their own canonical form. Next: choose another file.");
        await file.SetInputFilesAsync(FileOf(new byte[(256 * 1024) + 1]));
        await Expect(dialog).ToContainTextAsync("message_too_large: expected at most 262144 bytes, found 262145.");
        await file.SetInputFilesAsync(FileOf((config with { Federation = FederationId.Parse("elsewhere") }).ToJcs()));
        await Expect(dialog).ToContainTextAsync($"{config.Participation.MinSilos} to begin, {config.Participation.Quorum} in each round");
        await start.ClickAsync();
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("plan_invalid_value: federation: expected");
        await Expect(dialog).ToContainTextAsync("no differential privacy");
        await browser.RequireAccessibleAsync(page);
        await file.SetInputFilesAsync(FileOf(config.ToJcs()));
        await Expect(dialog).ToContainTextAsync(config.BaseModel.Hex);
        await start.ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Run run-from-file" })).ToBeVisibleAsync();
        await Expect(page.GetByText(config.Digest.Hex)).ToBeVisibleAsync();
        Assert.Empty(browser.Complaints);
    }

    [BrowserFact]
    public async Task Auditor_HasNoControls_AndIsRefusedByHand()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await SubmitAsync(host, Again);
        await using IBrowserContext context = await browser.Current.NewContextAsync();
        IPage page = await SignedInAsync(host, context, DashboardHost.Auditor, "#/");

        await Expect(page.GetByRole(AriaRole.Link, new() { Name = Again })).ToBeVisibleAsync();
        await Expect(page.Locator("main").GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Link, new() { Name = Again }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = $"Run {Again}" })).ToBeVisibleAsync();
        await Expect(page.Locator("main").GetByRole(AriaRole.Button)).ToHaveCountAsync(0);

        foreach (string path in new[] { $"/api/runs/{Again}/cancel", "/api/runs" })
        {
            string answer = await page.EvaluateAsync<string>(
                "async ([path, body]) => { const answer = await fetch(path, { method: 'POST', body, headers: { authorization: `Bearer ${sessionStorage.getItem('fedcloud-token')}` } }); return `${answer.status} ${await answer.text()}`; }",
                new[] { path, System.Text.Encoding.UTF8.GetString(ConfigOf(host, "run-by-hand").ToJcs()) });
            Assert.StartsWith("403 ", answer, StringComparison.Ordinal);
            Assert.Contains("role_refused", answer, StringComparison.Ordinal);
        }

        using HttpClient client = ClientOf(host);
        using JsonDocument runs = JsonDocument.Parse(await client.GetStringAsync(new Uri("/api/runs", UriKind.Relative)));
        Assert.Equal([host.Job.Value, Again], runs.RootElement.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("job").GetString()));
        Assert.DoesNotContain("Cancelled", runs.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [GeneratedRegex("^run-[0-9a-f]{12}$")]
    private static partial Regex NewId();

    private async Task<IPage> SignedInAsync(DashboardHost host, IBrowserContext context, string token, string place)
    {
        IPage page = await browser.PageAsync(context);
        await page.GotoAsync($"{host.Address}#token={token}");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
        await page.GotoAsync($"{host.Address}{place}");
        return page;
    }

    // The silos of this federation are away, so the run waits.
    private static async Task SubmitAsync(DashboardHost host, string job)
    {
        using HttpClient client = ClientOf(host);
        using ByteArrayContent config = new(ConfigOf(host, job).ToJcs());
        using HttpResponseMessage answer = await client.PostAsync(new Uri("/api/runs", UriKind.Relative), config);
        answer.EnsureSuccessStatusCode();
    }

    private static HttpClient ClientOf(DashboardHost host)
    {
        HttpClient client = new() { BaseAddress = host.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", DashboardHost.Operator);
        return client;
    }

    private static RunConfig ConfigOf(DashboardHost host, string job) => host.Federation.Config with { Job = RunId.Parse(job) };

    private static FilePayload FileOf(byte[] bytes) => new() { Name = "plan.json", MimeType = "application/json", Buffer = bytes };
}
