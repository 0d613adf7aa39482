// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Canonical;
using FedCloud.Simulation.Tests.Whole;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace FedCloud.Dashboard.Tests;

/// <summary>The pictures in the documentation: taken anew with FEDCLOUD_WRITE_DOCS=1, else only looked for.</summary>
[Collection(Browser.One)]
public sealed partial class ScreenshotsTests(Browser browser)
{
    private const long MostBytes = 200 * 1024;
    private static readonly string Docs = Path.Combine(Root(), "docs");
    private static readonly string[] Names = ["overview", "run", "log", "verified", "dark"];

    [Fact]
    public async Task Pictures_OfTheDocumentation_AreThereAndShown()
    {
        string page = await File.ReadAllTextAsync(Path.Combine(Docs, "dashboard.md"));

        Assert.All(Names, name =>
        {
            Assert.Matches($@"!\[[^\]]{{20,}}\]\({Regex.Escape($"images/dashboard-{name}.png")}\)", page);
            Assert.InRange(new FileInfo(PathOf(name)).Length, 1, MostBytes);
        });
        Assert.Equal(Names.Select(PathOf).Order(StringComparer.Ordinal), Directory.GetFiles(Path.Combine(Docs, "images"), "dashboard-*").Order(StringComparer.Ordinal));
    }

    [WriteDocsFact]
    public async Task Pictures_Asked_AreTaken()
    {
        Directory.CreateDirectory(Path.Combine(Docs, "images"));
        await using DashboardHost host = await DashboardHost.StartAsync(WholeScheduleTests.RingConfig(rounds: 6, quorum: 3));
        IPage page = await PageAsync(host, ColorScheme.Light);
        await TakeAsync(page, "overview");
        await page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value }).ClickAsync();
        await Expect(page.Locator("#course")).ToBeVisibleAsync();
        await TakeAsync(page, "run", 1_120);
        await page.GetByRole(AriaRole.Link, new() { Name = "Audit log", Exact = true }).ClickAsync();
        await page.GetByLabel("Run", new() { Exact = true }).FillAsync(host.Job.Value);
        await page.GetByLabel("Round", new() { Exact = true }).FillAsync("2");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".count")).ToContainTextAsync("found");
        await page.Locator("ol.entries summary").First.ClickAsync();
        await TakeAsync(page, "log", 1_000);
        await page.GetByRole(AriaRole.Button, new() { Name = "Verify in this browser" }).ClickAsync();
        await Expect(page.Locator(".verdict")).ToContainTextAsync("Verified", new() { Timeout = 60_000 });
        await TakeAsync(page, "verified", 800);
        page = await PageAsync(host, ColorScheme.Dark);
        await page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value }).ClickAsync();
        await Expect(page.Locator("#course")).ToBeVisibleAsync();
        await TakeAsync(page, "dark", 1_120, from: "#rounds");
    }

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Digest();

    // The keys of each federation are new, so their hashes are replaced by others that are the same each time.
    private async Task<IPage> PageAsync(DashboardHost host, ColorScheme scheme)
    {
        IBrowserContext context = await browser.Current.NewContextAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = 1280, Height = 800 }, ReducedMotion = ReducedMotion.Reduce });
        IPage page = await browser.PageAsync(context);
        await page.RouteAsync(url => url.Contains("/api/", StringComparison.Ordinal) && !url.Contains("/evidence", StringComparison.Ordinal), async route =>
        {
            IAPIResponse answer = await route.FetchAsync();
            int found = 0;
            string path = new Uri(route.Request.Url).AbsolutePath;
            string body = Digest().Replace(await answer.TextAsync(), _ => Sha256Digest.Of(System.Text.Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{path} {found++}"))).Hex);
            await route.FulfillAsync(new() { Response = answer, Body = body });
        });
        await page.GotoAsync($"{host.Address}#token={DashboardHost.Operator}");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = host.Job.Value })).ToBeVisibleAsync();
        return page;
    }

    private static async Task TakeAsync(IPage page, string name, int mostHeight = 2_000, string from = "body")
    {
        int height = await page.EvaluateAsync<int>("() => Math.ceil(document.querySelector('main').getBoundingClientRect().bottom + scrollY)");
        await page.SetViewportSizeAsync(1280, Math.Min(height, mostHeight));
        await page.EvaluateAsync("from => { document.querySelector(from).scrollIntoView(); document.activeElement.blur(); }", from);
        await page.ScreenshotAsync(new() { Path = PathOf(name), Animations = ScreenshotAnimations.Disabled, Caret = ScreenshotCaret.Hide });
    }

    private static string PathOf(string name) => Path.Combine(Docs, "images", $"dashboard-{name}.png");

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
    }
}
