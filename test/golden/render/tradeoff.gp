# Figure "tradeoff", made by kvt-render 0.1.0: a gnuplot program with its data inside.
# Variables: format (png, svg or pdf), output_file (empty: standard output):
#     gnuplot -e "format='svg'; output_file='tradeoff.svg'" THIS_FILE
if (!exists('format')) format = 'png'
if (!exists('output_file')) output_file = ''
set encoding utf8
if (format eq 'png') { set terminal pngcairo noenhanced size 1960,970 font 'DejaVu Sans,11' fontscale 2 linewidth 2 pointscale 2 background 'white' }
if (format eq 'svg') { set terminal svg noenhanced size 980,485 font 'DejaVu Sans,11' background 'white' }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 10.21in,5.05in font 'DejaVu Sans,11' }
if (strlen(output_file)) { set output output_file }
set datafile missing 'NaN'
set style fill solid 1.0 noborder
set label 1 'Score against cost' at screen 0.0122,screen 0.9546 left noenhanced font 'DejaVu Sans,14'
set label 2 'recall · snapkv, compressed after the question · task recall · n = 8 per bin and budget' at screen 0.0122,screen 0.9072 left noenhanced font 'DejaVu Sans,9.5' textcolor rgb '#555555'
set label 3 'A grey line joins the budgets of one length bin; its mean tokens stand at the full cache.' at screen 0.0122,screen 0.0227 left noenhanced font 'DejaVu Sans,8.5' textcolor rgb '#555555'
$cache_arm_0 << EOD
 0.952148438 1
 1.90429688 0.875
 3.80859375 1
 7.55371094 1
 15.1074219 1
EOD
$cache_arm_1 << EOD
 0.5078125 0.875
 0.952148438 0.75
 1.90429688 0.75
 3.80859375 0.75
 7.55371094 0.75
EOD
$cache_arm_2 << EOD
 0.25390625 0.875
 0.380859375 0.75
 0.76171875 0.625
 1.5234375 0.75
 3.046875 0.75
EOD
$cache_bin_0 << EOD
 0.952148438 1 "237"
 0.5078125 0.875 ""
 0.25390625 0.875 ""
EOD
$cache_bin_1 << EOD
 1.90429688 0.875 "477"
 0.952148438 0.75 ""
 0.380859375 0.75 ""
EOD
$cache_bin_2 << EOD
 3.80859375 1 "955"
 1.90429688 0.75 ""
 0.76171875 0.625 ""
EOD
$cache_bin_3 << EOD
 7.55371094 1 "1,897"
 3.80859375 0.75 ""
 1.5234375 0.75 ""
EOD
$cache_bin_4 << EOD
 15.1074219 1 "3,796"
 7.55371094 0.75 ""
 3.046875 0.75 ""
EOD
$time_arm_0 << EOD
 0.0078865 1
 0.022708 0.875
 0.0776655 1
 0.1560815 1
 0.395242 1
EOD
$time_arm_1 << EOD
 0.011077 0.875
 0.0272785 0.75
 0.0806025 0.75
 0.1524195 0.75
 0.3325175 0.75
EOD
$time_arm_2 << EOD
 0.009864 0.875
 0.0252015 0.75
 0.072969 0.625
 0.1947015 0.75
 0.433476 0.75
EOD
$time_bin_0 << EOD
 0.0078865 1 "237"
 0.011077 0.875 ""
 0.009864 0.875 ""
EOD
$time_bin_1 << EOD
 0.022708 0.875 "477"
 0.0272785 0.75 ""
 0.0252015 0.75 ""
EOD
$time_bin_2 << EOD
 0.0776655 1 "955"
 0.0806025 0.75 ""
 0.072969 0.625 ""
EOD
$time_bin_3 << EOD
 0.1560815 1 "1,897"
 0.1524195 0.75 ""
 0.1947015 0.75 ""
EOD
$time_bin_4 << EOD
 0.395242 1 "3,796"
 0.3325175 0.75 ""
 0.433476 0.75 ""
EOD
set lmargin at screen 0.0041
set rmargin at screen 0.9959
set tmargin at screen 0.9918
set bmargin at screen 0.0082
set multiplot
unset border
unset tics
unset grid
set key at screen 0.0082,screen 0.8804 left top horizontal maxcols 6 Left reverse noenhanced samplen 2 width 1 font 'DejaVu Sans,10'
plot [0:1] [0:1] -1 notitle, \
  keyentry with points dashtype 1 lw 1.6 pt 7 ps 1.1 lc rgb '#000000' title 'full cache' noenhanced, \
  keyentry with points dashtype 1 lw 1.6 pt 5 ps 1.1 lc rgb '#0072B2' title 'budget 0.5' noenhanced, \
  keyentry with points dashtype 1 lw 1.6 pt 9 ps 1.1 lc rgb '#D55E00' title 'budget 0.2' noenhanced
unset key
unset label 1
unset label 2
unset label 3
set border 3 lc rgb '#444444' lw 0.8
set xtics nomirror out scale 0.6 textcolor rgb '#222222'
set ytics nomirror out scale 0.6 textcolor rgb '#222222'
set grid ytics lt 1 lc rgb '#E3E3E3' lw 0.7
set logscale x
set yrange [-0.02:1.16]
set ytics nomirror 0,0.2,1
set ylabel 'score (bin mean)' noenhanced offset 0.5,0
set lmargin at screen 0.0776
set rmargin at screen 0.4837
set tmargin at screen 0.8206
set bmargin at screen 0.1608
set xrange [ 0.183109988 : 25.4875757 ]
set xtics nomirror ('0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20)
set xlabel 'KV cache held (MiB, median; log scale)' noenhanced
plot -1 notitle, \
  $cache_bin_0 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $cache_bin_0 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $cache_bin_1 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $cache_bin_1 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $cache_bin_2 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $cache_bin_2 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $cache_bin_3 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $cache_bin_3 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $cache_bin_4 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $cache_bin_4 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $cache_arm_0 using 1:2 with points pt 7 ps 1.3 lw 1.5 lc rgb '#000000', \
  $cache_arm_1 using 1:2 with points pt 5 ps 1.3 lw 1.5 lc rgb '#0072B2', \
  $cache_arm_2 using 1:2 with points pt 9 ps 1.3 lw 1.5 lc rgb '#D55E00'
set lmargin at screen 0.5735
set rmargin at screen 0.9796
set tmargin at screen 0.8206
set bmargin at screen 0.1608
set xrange [ 0.00572371298 : 0.723928031 ]
set xtics nomirror ('0.01' 0.01, '0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5)
set xlabel 'latency of the answer (s, median; log scale)' noenhanced
plot -1 notitle, \
  $time_bin_0 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $time_bin_0 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $time_bin_1 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $time_bin_1 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $time_bin_2 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $time_bin_2 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $time_bin_3 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $time_bin_3 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $time_bin_4 using 1:2 with lines lw 1 lc rgb '#AAAAAA', \
  $time_bin_4 using 1:2:3 with labels noenhanced left offset -0.4,0.9 rotate by 35 font 'DejaVu Sans,8.5' tc rgb '#555555', \
  $time_arm_0 using 1:2 with points pt 7 ps 1.3 lw 1.5 lc rgb '#000000', \
  $time_arm_1 using 1:2 with points pt 5 ps 1.3 lw 1.5 lc rgb '#0072B2', \
  $time_arm_2 using 1:2 with points pt 9 ps 1.3 lw 1.5 lc rgb '#D55E00'
unset multiplot
